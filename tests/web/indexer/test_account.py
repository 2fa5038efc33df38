"""What the indexer's account of its partitions says while the store is filled again."""

from __future__ import annotations

from logpost.config import KafkaConfig
from logpost_broker import Broker
from logpost_web.api.completeness import completeness
from logpost_web.indexer.account import Account
from logpost_web.indexer.probe import Probe
from logpost_web.indexer.reading import Bounds
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.store import Store
from tests.web.indexer.test_indexer import produce

KEY = ("logs", 0)


def test_a_store_that_lacks_rows_knows_no_time_until_which_all_is_there(broker: Broker, store: Store) -> None:
    """Its newest record may be there all the same."""
    produce(broker, b"first", b"second")
    config = KafkaConfig(bootstrap_servers=broker.bootstrap_servers)
    bounds = {KEY: Bounds(topic_id="T", committed=0, start=0, end=2)}
    probe = Probe(config)
    records = probe.span(KEY, 0, 2)
    probe.close()
    account = Account(store, config)

    def read(offset: int) -> None:
        record = records[offset]
        account.readings[KEY].position = offset + 1
        account.look_at(record)
        account.keep([to_row(record.value, Position(*KEY, "T", offset, record.timestamp_ns), 0)])
        account.close_block()
        account.save()

    account.begin(bounds, lambda topics: {})
    read(0)
    read(1)
    [partition] = account.progress({}, {}).partitions
    assert (partition.behind, partition.indexed_until_ns) == (0, records[1].timestamp_ns)
    account.begin(bounds, lambda topics: {})  # no row was inserted
    progress = account.progress({}, {})
    assert (progress.partitions[0].behind, progress.refill_records) == (2, 2)
    assert completeness(progress).indexed_until is None
    read(0)
    assert account.progress({}, {}).partitions[0].indexed_until_ns == records[0].timestamp_ns
    account.readings[KEY].position = 2
    account.close_block()
    account.finish_refills({}, is_rebuilding=False)  # of the second there is nothing more to read
    assert account.progress({}, {}).partitions[0].indexed_until_ns == records[1].timestamp_ns

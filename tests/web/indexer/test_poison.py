"""Records that cannot be read, in a log that another broker wrote: those behind them are indexed, and the answer says
what is missing, also after a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY

from logpost.config import BrokerConfig, Config, KafkaConfig, StoreConfig
from logpost_broker import Broker
from logpost_web.indexer.account import RETENTION
from logpost_web.indexer.indexer import Indexer
from logpost_web.indexer.progress import SteppedOver
from logpost_web.store.parts import broken_aside
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.web.indexer.forged import GZIP, LZ4, SNAPPY, UNKNOWN, ZSTD, batch, bomb, record

SECONDS = 60.0


MANY = b"".join(record(delta) for delta in range(5))
POISON = {
    "zstd": (batch(3, os.urandom(100), codec=ZSTD), 1),
    "zstd, twenty records": (batch(3, os.urandom(100), codec=ZSTD, count=20), 20),
    "lz4": (batch(3, os.urandom(100), codec=LZ4), 1),
    "gzip": (batch(3, os.urandom(100), codec=GZIP), 1),
    "snappy": (batch(3, os.urandom(100), codec=SNAPPY), 1),
    "a codec that nobody knows": (batch(3, os.urandom(100), codec=UNKNOWN), 1),
    "bytes that are no records": (batch(3, b"\xff" * 100), 1),
    "a record of length -1": (batch(3, b"\x01" + bytes(10)), 1),
    "zstd that unpacks to 200 MiB": (batch(3, bomb(ZSTD, 200), codec=ZSTD), 1),
    "two in a row": (batch(3, b"\xff" * 100) + batch(4, os.urandom(99), codec=ZSTD, count=2), 3),
    "more records than it says": (batch(3, MANY), 1),
    "more records than it says, twice": (batch(3, MANY) + batch(4, MANY), 2),
}


@pytest.fixture
def store(store: Store) -> Store:
    store.query("TRUNCATE TABLE otel_logs_stepped_over")
    return store


def produce(broker: Broker, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 20})
    for value in values:
        producer.produce("logs", value, partition=0)
    assert producer.flush(SECONDS) == 0


def put_into_log(directory: Path, poison: bytes) -> None:
    """As a broker that looks at nothing would."""
    [log] = (directory / "logs-0").glob("*.log")
    with log.open("ab") as file:
        file.write(poison)


def of(broker: Broker, group: str = "logpost-indexer") -> Config:
    kafka = KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1)
    return Config(kafka=kafka, store=StoreConfig(group=group))


def bodies(store: Store) -> list[str]:
    return [body for (body,) in store.query("SELECT Body FROM otel_logs ORDER BY Offset").rows]


def indexed(config: Config, store: Store, last: str) -> tuple[SteppedOver, ...]:
    """Run until `last` is there and nothing is behind; what was stepped over."""
    indexer = Indexer(config, store)
    indexer.start()
    try:
        await_condition(lambda: last in bodies(store), f"{last} is indexed", SECONDS)
        await_condition(
            lambda: (
                bool(indexer.progress().partitions) and not any(one.behind for one in indexer.progress().partitions)
            ),
            "nothing is behind",
            SECONDS,
        )
        return indexer.progress().stepped_over
    finally:
        indexer.stop()


@pytest.mark.parametrize("name", POISON)
def test_what_cannot_be_read_stops_nothing_behind_it_and_is_named(store: Store, tmp_path: Path, name: str) -> None:
    poison, records = POISON[name]
    settings = BrokerConfig(port=0, metrics_port=0)
    before, after = [f"before {n}" for n in range(3)], [f"after {n}" for n in range(10)]
    with Broker(settings, tmp_path) as broker:
        produce(broker, *(text.encode() for text in before))
    put_into_log(tmp_path, poison)
    with Broker(settings, tmp_path) as broker:
        produce(broker, *(text.encode() for text in after))
        config = of(broker)
        found = indexed(config, store, after[-1])
        assert bodies(store) == [*before, *after]
        assert [(one.topic, one.partition) for one in found] == [("logs", 0)] * len(found)
        assert sorted(n for one in found for n in range(one.start, one.end)) == list(range(3, 3 + records))
        assert all(one.reason for one in found)
        # Another run tells of it, and goes on.
        produce(broker, b"later")
        assert indexed(config, store, "later") == found
        assert bodies(store) == [*before, *after, "later"]


def test_what_can_be_read_of_a_batch_is_indexed(store: Store, tmp_path: Path) -> None:
    settings = BrokerConfig(port=0, metrics_port=0)
    with Broker(settings, tmp_path) as broker:
        produce(broker, b"before")
    two = record(0) + record(1)
    put_into_log(tmp_path, batch(1, two, count=5) + batch(6, two + b"\xff" * 50, count=5))
    with Broker(settings, tmp_path) as broker:
        produce(broker, b"after")
        found = indexed(of(broker), store, "after")
    assert bodies(store) == ["before", *["forged"] * 4, "after"]
    assert [(one.start, one.end) for one in found] == [(3, 6), (8, 11)]


def test_a_batch_that_holds_more_than_it_says_is_noticed_at_the_end_of_the_log(store: Store, tmp_path: Path) -> None:
    settings = BrokerConfig(port=0, metrics_port=0)
    with Broker(settings, tmp_path) as broker:
        produce(broker, b"before")
    put_into_log(tmp_path, batch(1, MANY))
    with Broker(settings, tmp_path) as broker:
        config = of(broker)
        indexer = Indexer(config, store)
        indexer.start()
        try:
            await_condition(lambda: bool(indexer.progress().stepped_over), "it is noticed", SECONDS)
            produce(broker, *(b"after %d" % n for n in range(10)))
            await_condition(lambda: "after 9" in bodies(store), "the last is indexed", SECONDS)
        finally:
            indexer.stop()
    assert bodies(store) == ["before", *(f"after {n}" for n in range(10))]
    assert [(one.start, one.end) for one in indexer.progress().stepped_over] == [(1, 2)]


def test_a_batch_that_the_broker_passes_over_is_named(store: Store, tmp_path: Path) -> None:
    settings = BrokerConfig(port=0, metrics_port=0)
    with Broker(settings, tmp_path) as broker:
        for value in (b"first", b"second", b"third"):
            produce(broker, value)
    [log] = (tmp_path / "logs-0").glob("*.log")
    whole = log.read_bytes()
    length = len(whole) // 3
    log.write_bytes(whole[: length + 30] + bytes([whole[length + 30] ^ 1]) + whole[length + 31 :])
    with Broker(settings, tmp_path) as broker:
        found = indexed(of(broker), store, "third")
    assert bodies(store) == ["first", "third"]
    assert [(one.start, one.end) for one in found] == [(1, 2)]


def test_records_that_were_removed_before_they_were_read_are_named_and_counted(store: Store, tmp_path: Path) -> None:
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker:
        config = of(broker)
        produce(broker, b"before")
        assert indexed(config, store, "before") == ()
        produce(broker, *(b"%d" % n for n in range(10)))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        [future] = admin.delete_records([TopicPartition("logs", 0, 8)]).values()
        future.result(SECONDS)
        counted = REGISTRY.get_sample_value("logpost_indexer_stepped_over_records_total") or 0.0
        found = indexed(config, store, "9")
        assert bodies(store) == ["before", "7", "8", "9"]
        assert [(one.start, one.end, one.reason) for one in found] == [(1, 8, RETENTION)]
        assert REGISTRY.get_sample_value("logpost_indexer_stepped_over_records_total") == counted + 7
        assert indexed(config, store, "9") == found


def test_gaps_that_must_be_are_nothing_that_is_missing(store: Store, tmp_path: Path) -> None:
    """Markers of transactions, and what was aborted."""
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker:
        produce(broker, b"before")
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "t"})
        producer.init_transactions(SECONDS)
        for text, commits in (("a", True), ("b", False), ("c", True)):
            producer.begin_transaction()
            producer.produce("logs", text.encode(), partition=0)
            producer.flush(SECONDS)
            (producer.commit_transaction if commits else producer.abort_transaction)(SECONDS)
        assert indexed(of(broker), store, "c") == ()
        produce(broker, b"after")
        assert indexed(of(broker), store, "after") == ()
        assert bodies(store) == ["before", "a", "c", "after"]


@pytest.mark.embedded_store
def test_what_was_stepped_over_is_found_again_when_its_list_is_damaged(store: Store, tmp_path: Path) -> None:
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker:
        produce(broker, b"0", b"1", b"2")
    put_into_log(tmp_path, POISON["zstd"][0])
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker:
        produce(broker, b"last")
        expected = indexed(of(broker), store, "last")
        assert [(one.start, one.end) for one in expected] == [(3, 4)]
        # As the engine leaves it when it opens a table with a damaged part.
        found = store.query("SELECT data_paths[1] FROM system.tables WHERE name = 'otel_logs_stepped_over'").rows
        store.command("TRUNCATE TABLE otel_logs_stepped_over")
        (Path(found[0][0]) / "detached" / "broken-on-start_all_1_1_0").mkdir()
        assert broken_aside(store)
        for _ in range(2):  # the second time nothing is damaged
            assert indexed(of(broker), store, "last") == expected
            assert bodies(store) == ["0", "1", "2", "last"]
            assert not broken_aside(store)

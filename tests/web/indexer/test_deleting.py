"""Deletions between a real broker and a real store: what is deleted is not seen any more, and never comes again."""

from __future__ import annotations

import time

import pytest

from logpost.config import Config, KafkaConfig
from logpost.query.syntax import parse
from logpost.record import Src
from logpost_broker import Broker
from logpost_web.deletion import stopped
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import WAITS_FOR_TOPIC, Deletion
from logpost_web.deletion.topic import TOPIC, DeletionTopic
from logpost_web.deletion_text import RECORDED_LATER
from logpost_web.indexer.indexer import Indexer
from logpost_web.query.condition import compile_condition
from logpost_web.query.timerange import TimeRange
from logpost_web.store import deleted
from logpost_web.store.check import check
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store
from tests.support.processes import free_port
from tests.web.indexer.test_indexer import await_messages, await_true, messages, produce, record, running
from tests.web.indexer.test_refill import delete_topic

SECONDS = 60.0


@pytest.fixture
def config(broker: Broker) -> Config:
    return Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1))


def delete(store: Store, indexer: Indexer, query: str, name: str = "d1") -> Deletion:
    """Hidden when it returns."""
    found = deleted.match(store, name, compile_condition(parse(query), LOGS), TimeRange())
    asked = Deletion(id=name, created_ms=time.time_ns() // 1_000_000, who="a test", matched=found.rows)
    return indexer.deleting.accept(asked).result(SECONDS)


def await_state(indexer: Indexer, state: str, name: str = "d1") -> None:
    def state_now() -> str:
        found = indexer.deleting.get(name)
        return found.state if found else ""

    await_true(lambda: state_now() == state, state)


def texts(name: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def all_values(*names: str) -> list[bytes]:
    return [text.encode() for name in names for text in texts(name, 50)]


def assert_nothing_is_wrong(indexer: Indexer, store: Store) -> None:
    progress = indexer.progress()
    assert (progress.refill_records, progress.lost_rows, progress.stepped_over) == (0, 0, ())
    assert check(store).is_sound


def test_what_is_deleted_is_gone_at_once_and_stays_away(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, *all_values("keep", "ada"))
    with running(config, store) as indexer:
        await_messages(store, texts("keep", 50) + texts("ada", 50))
        accepted = delete(store, indexer, "ada")
        assert (accepted.state, accepted.matched) == ("running", 50)
        assert sorted(messages(store)) == sorted(texts("keep", 50))
        await_state(indexer, "done")
        rows = "SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'"
        assert store.query(rows).rows == [(50,)]  # with those that are only hidden
        produce(broker, b"ada 1")  # what comes later and says the same stays
        await_messages(store, [*texts("keep", 50), "ada 1"])
    delete_topic(broker, TOPIC)
    with running(config, store) as indexer:  # a start finds nothing missing
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert_nothing_is_wrong(indexer, store)
        indexer.rebuild()
        await_true(lambda: not indexer.is_rebuilding and indexer.ready, "the rebuild ends")
        await_true(lambda: len(messages(store)) == 51, "all rows")
        assert sorted(messages(store)) == sorted([*texts("keep", 50), "ada 1"])
        assert_nothing_is_wrong(indexer, store)
        topic = DeletionTopic(config.kafka)  # somebody removed it, and it is made again
        await_true(lambda: topic.exists() and any(key == "d1" for key, _ in topic.records()), "it is in the topic")


def test_a_store_that_begins_again_learns_from_the_topic_what_is_deleted(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, *all_values("keep", "ada"))
    with running(config, store):
        await_messages(store, texts("keep", 50) + texts("ada", 50))
    name, found = stopped.count(store, "ada", "", time.time_ns())
    assert stopped.delete(store, name, found, "a test", now_ms).reason == RECORDED_LATER
    assert sorted(messages(store)) == sorted(texts("keep", 50))
    with running(config, store) as indexer:
        await_state(indexer, "done", name)
        assert indexer.deleting.all()[0].reason == ""
    for table in ("otel_logs", "otel_logs_manifest", "otel_logs_deleted"):
        store.command(f"TRUNCATE TABLE {table}")
    (store.directory / "deletions.json").unlink()
    with running(config, store) as indexer:
        await_messages(store, texts("keep", 50))
        await_true(lambda: not indexer.progress().refill_records, "the refill ends")
        await_state(indexer, "done", name)
        assert_nothing_is_wrong(indexer, store)


def test_a_deleted_line_that_is_sent_again_stays_away_and_another_in_its_place_does_not(
    broker: Broker, store: Store, config: Config
) -> None:
    sent = [record(f"line {number}", Src(id="s", start=number * 10, end=number * 10 + 10)) for number in range(20)]
    produce(broker, *sent)
    with running(config, store) as indexer:
        await_messages(store, [f"line {number}" for number in range(20)])
        delete(store, indexer, "7")
    produce(broker, *sent[5:9], record("another", Src(id="s", start=70, end=80)))
    with running(config, store) as indexer:
        expected = [f"line {number}" for number in range(20) if number != 7] + ["another"]
        await_messages(store, expected)
        await_true(lambda: indexer.progress().partitions[0].behind == 0, "all is looked at")
        assert sorted(messages(store)) == sorted(expected)


def test_rows_of_an_older_copy_are_hidden_before_anybody_sees_them(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, *all_values("keep", "ada"))
    with running(config, store) as indexer:
        await_messages(store, texts("keep", 50) + texts("ada", 50))
        store.command("CREATE TABLE older AS otel_logs")
        store.command("INSERT INTO older SELECT * FROM otel_logs WHERE Body LIKE 'ada%'")
        delete(store, indexer, "ada")
        await_state(indexer, "done")
    store.command("INSERT INTO otel_logs SELECT * FROM older")
    store.command("DROP TABLE older")
    with running(config, store) as indexer:
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert sorted(messages(store)) == sorted(texts("keep", 50))
        await_state(indexer, "done")
        assert_nothing_is_wrong(indexer, store)


def test_a_deletion_that_is_cancelled_while_the_web_is_stopped_gives_the_lines_back(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, *all_values("keep", "ada"))
    with running(config, store):
        await_messages(store, texts("keep", 50) + texts("ada", 50))
    name, found = stopped.count(store, "ada", "", time.time_ns())
    assert stopped.delete(store, name, found, "a test", now_ms).reason == RECORDED_LATER
    assert sorted(messages(store)) == sorted(texts("keep", 50))
    found_now = "SELECT count() FROM otel_logs WHERE Body LIKE 'ada%'"
    assert [store.query(found_now).rows for _ in range(2)] == [[(0,)]] * 2  # the engine remembers where nothing matched
    assert stopped.cancel(store, name, now_ms()).state == "cancelled"
    with running(config, store) as indexer:
        await_messages(store, texts("keep", 50) + texts("ada", 50))
        assert store.query(found_now).rows == [(50,)]
        await_true(lambda: not indexer.progress().refill_records, "the refill ends")
        assert_nothing_is_wrong(indexer, store)


def test_without_a_broker_what_was_counted_goes_and_says_what_it_waits_for(store: Store) -> None:
    store.insert(b'{"Body":"ada","Topic":"logs","TopicId":"id","Partition":0,"Offset":1}')
    left, _ = Counting(store).count(compile_condition(parse("ada"), LOGS), TimeRange())  # by a web that ended
    config = Config(kafka=KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    indexer = Indexer(config, store)
    name, found = indexer.deleting.counting.count(compile_condition(parse("ada"), LOGS), TimeRange())
    indexer.start()
    await_true(lambda: left not in deleted.matched(store), "what nobody will say yes to is forgotten")
    assert indexer.deleting.counting.take(name) == found
    asked = Deletion(id=name, created_ms=now_ms(), who="a test", matched=found.rows)
    assert indexer.deleting.accept(asked).result(SECONDS).state == "running"
    assert messages(store) == []
    await_true(lambda: asked.reason == WAITS_FOR_TOPIC, "it says what it waits for")
    indexer.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000

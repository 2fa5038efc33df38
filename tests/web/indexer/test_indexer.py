"""The indexer between a real broker and a real store."""

import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY

from logpost.config import Config, KafkaConfig, StoreConfig
from logpost.record import Record, Src
from logpost_broker import Broker
from logpost_web.indexer.indexer import Indexer
from logpost_web.store.store import Store

SECONDS = 90.0


@pytest.fixture
def config(broker: Broker) -> Config:
    return Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=2))


@pytest.fixture
def indexer(config: Config, store: Store) -> Iterator[Indexer]:
    with running(config, store) as indexer:
        await_true(lambda: indexer.ready, "partitions are assigned")
        yield indexer


def await_true(condition: Callable[[], bool], what: str) -> None:
    pause = threading.Event()  # the indexer is another thread's: it has no event for a row
    for _ in range(int(SECONDS / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    pytest.fail(f"not within {SECONDS} s: {what}")


class running:  # noqa: N801  # reads as a sentence: `with running(config, store)`
    def __init__(self, config: Config, store: Store) -> None:
        self._indexer = Indexer(config, store)

    def __enter__(self) -> Indexer:
        self._indexer.start()
        return self._indexer

    def __exit__(self, *_: object) -> None:
        self._indexer.stop()


def record(text: str, src: Src | None = None) -> bytes:
    return msgspec.json.encode(Record(ts="2026-11-22T10:51:07Z", message=text, service="shop", src=src))


def produce(broker: Broker, *values: bytes, topic: str = "logs") -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(SECONDS) == 0


def messages(store: Store) -> list[str]:
    return [message for (message,) in store.query("SELECT Body FROM otel_logs ORDER BY Topic, Offset").rows]


def await_messages(store: Store, expected: list[str]) -> None:
    await_true(lambda: len(messages(store)) >= len(expected), f"{len(expected)} rows")
    assert sorted(messages(store)) == sorted(expected)


def test_what_is_written_is_found(broker: Broker, store: Store, indexer: Indexer) -> None:
    produce(broker, record("a"), b"plain", record("b"))
    await_messages(store, ["a", "plain", "b"])
    assert indexer.ready


def test_progress_says_how_far_it_is(broker: Broker, store: Store, indexer: Indexer) -> None:
    produce(broker, record("a"), record("b"))
    await_messages(store, ["a", "b"])
    await_true(lambda: any(part.next_offset == 2 for part in indexer.progress().partitions), "progress")
    first, second = indexer.progress().partitions
    assert (first.topic, first.partition, first.next_offset, first.end_offset) == ("logs", 0, 2, 2)
    assert (second.partition, second.next_offset, second.end_offset) == (1, 0, 0)
    assert first.indexed_until_ns > 0


def test_every_topic_that_matches_is_indexed_also_one_that_comes_later(
    broker: Broker, store: Store, indexer: Indexer
) -> None:
    produce(broker, b"early", topic="logs")
    await_messages(store, ["early"])
    produce(broker, b"late", topic="logs-audit")
    produce(broker, b"not a log", topic="orders")
    await_messages(store, ["early", "late"])


def test_it_goes_on_where_it_stopped(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, record("a"))
    with running(config, store):
        await_messages(store, ["a"])
    produce(broker, record("b"))
    with running(config, store):
        await_messages(store, ["a", "b"])


def test_without_a_commit_it_finds_in_the_store_what_it_has(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, b"a", b"b", b"c")
    with running(config, store):
        await_messages(store, ["a", "b", "c"])
    # A group that never committed begins at the first offset: as after kill -9 between insert and commit.
    another = msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, group="another"))
    with running(another, store):
        produce(broker, b"d")
        await_messages(store, ["a", "b", "c", "d"])


def test_what_was_committed_for_an_earlier_topic_of_the_name_is_not_where_it_begins(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, b"a", b"b", b"c")
    committer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": config.store.group})
    committer.commit(offsets=[TopicPartition("logs", 0, 2, metadata="the id of another topic")], asynchronous=False)
    committer.close()
    with running(config, store):
        await_messages(store, ["a", "b", "c"])


def test_the_last_commit_of_a_drain_arrives(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, b"a", b"b", b"c")
    with running(config, store):
        await_messages(store, ["a", "b", "c"])
    reader = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": config.store.group})
    [committed] = reader.committed([TopicPartition("logs", 0)], timeout=SECONDS)
    reader.close()
    assert committed.offset == 3


def test_a_late_range_is_kept_and_a_partly_known_one_too(broker: Broker, store: Store, indexer: Indexer) -> None:
    ranges = [(0, 10), (50, 60), (20, 30), (10, 20), (25, 40), (22, 28), (0, 60)]
    produce(broker, *(record(f"{start}-{end}", Src(id="s", start=start, end=end)) for start, end in ranges))
    await_messages(store, ["0-10", "50-60", "20-30", "10-20", "25-40", "22-28", "0-60"])


def test_a_line_that_was_sent_twice_is_one_row(broker: Broker, store: Store, config: Config) -> None:
    first = [record(f"line {n}", Src(id="s", start=n, end=n + 1)) for n in range(5)]
    produce(broker, *first)
    with running(config, store):
        await_messages(store, [f"line {n}" for n in range(5)])
    # An agent that was killed before it could save its position sends again, through another producer.
    again = [record(f"line {n}", Src(id="s", start=n, end=n + 1)) for n in range(2, 8)]
    produce(broker, *again)
    with running(config, store):
        await_messages(store, [f"line {n}" for n in range(8)])


def count_of(metric: str) -> float:
    return REGISTRY.get_sample_value(metric) or 0.0


def lines_of(life: str, first: int, last: int, stream: str = "s") -> list[bytes]:
    """Lines of the same length in each life, so that all of them claim the same bytes."""
    ends = range(first, last)
    return [record(f"{life} {n:03d}", Src(id=stream, start=10 * n, end=10 * n + 10)) for n in ends]


def test_a_stream_with_two_lives_is_indexed_with_both_each_line_once(
    broker: Broker, store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    conflicts = count_of("logpost_indexer_stream_conflicts_total")
    before, after = lines_of("before", 0, 20), lines_of("after!", 10, 30)
    produce(broker, *before)
    expected = [f"before {n:03d}" for n in range(20)]
    with running(config, store):
        await_messages(store, expected)
    # The host went back to a snapshot: its first ten lines are sent again, and others follow them.
    produce(broker, *before[5:10], *after[:15])
    expected += [f"after! {n:03d}" for n in range(10, 25)]
    with running(config, store):
        await_messages(store, expected)
    assert count_of("logpost_indexer_stream_conflicts_total") - conflicts == 10
    assert [text for text in caplog.messages if "stream 's'" in text] == [
        "'shop' on host '': other lines than those indexed before stand at bytes 100 to 110 of stream 's'. Was the "
        "host set back to a snapshot, or does a clone of it run? All lines are indexed"
    ]
    # Killed, both lives send again.
    produce(broker, *after[3:], *before[10:], record("the end"))
    expected += [f"after! {n:03d}" for n in range(25, 30)] + ["the end"]
    with running(config, store):
        await_messages(store, expected)


def test_a_clone_beside_its_original_is_indexed_with_it(broker: Broker, store: Store, config: Config) -> None:
    original, clone = lines_of("origin", 0, 40), lines_of("cloned", 20, 40)
    small = msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, block_rows=7))
    with running(small, store):
        produce(broker, *original[:20])
        for n in range(20):
            produce(broker, clone[n], original[20 + n], *clone[: n // 2], *original[n : n + 3])
        produce(broker, record("the end"))
        names = [f"origin {n:03d}" for n in range(40)] + [f"cloned {n:03d}" for n in range(20, 40)]
        await_messages(store, [*names, "the end"])


def test_a_topic_made_again_is_indexed_from_its_first_offset(broker: Broker, store: Store, indexer: Indexer) -> None:
    produce(broker, b"before 1", b"before 2")
    await_messages(store, ["before 1", "before 2"])
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.delete_topics(["logs"])["logs"].result(SECONDS)
    produce(broker, b"after 1", b"after 2", b"after 3")
    await_messages(store, ["before 1", "before 2", "after 1", "after 2", "after 3"])


def test_what_is_too_large_is_cut_in_its_row_and_counted(broker: Broker, store: Store, config: Config) -> None:
    before = REGISTRY.get_sample_value("logpost_indexer_truncated_total") or 0.0
    small = msgspec.structs.replace(config, store=StoreConfig(max_message_bytes=1000, max_attributes_bytes=500))
    large = Record(ts="2026-11-22T10:51:07Z", message="é" * 5000, attrs={"a": "x" * 800, "b": 1})
    with running(small, store):
        produce(broker, record("small"), msgspec.json.encode(large))
        await_true(lambda: len(messages(store)) == 2, "2 rows")
    columns = "Body, BodyBytes, toString(LogAttributes.truncated), toString(LogAttributes.b)"
    found = store.query(f"SELECT {columns} FROM otel_logs ORDER BY Offset").rows
    assert found == [("small", 0, "", ""), ("é" * 500, 10_000, "true", "1")]
    assert REGISTRY.get_sample_value("logpost_indexer_truncated_total") == before + 1
    with running(config, store) as indexer:  # another limit makes no other life of the log
        produce(broker, record("later"))
        await_true(lambda: len(messages(store)) == 3, "3 rows")
        assert indexer.ready
    assert len(messages(store)) == 3


def test_a_place_in_the_group_that_another_had_for_a_moment_is_taken_back(
    broker: Broker, store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that paused, or was killed before it had written down who joined, says the same."""
    with running(config, store) as indexer:
        await_true(lambda: indexer.ready, "partitions are assigned")
        identity = (store.directory / "group-instance-id").read_text()
        member = {"group.id": config.store.group, "group.instance.id": identity}
        other = Consumer({"bootstrap.servers": broker.bootstrap_servers, **member})
        other.subscribe(["logs"])
        await_true(lambda: other.poll(0.1) is None and bool(other.assignment()), "the other has its place")
        other.close()
        await_true(lambda: "joining again" in caplog.text, "it is fenced")
        produce(broker, b"a", b"b")
        await_true(lambda: {"a", "b"} <= set(messages(store)), "it goes on")
        assert not indexer.failure


def test_a_web_over_a_copy_of_the_store_ends_the_first_one_which_says_what_to_do(
    broker: Broker, store: Store, config: Config
) -> None:
    """They read under the same identity: the newer one has it."""
    with running(config, store) as first:
        await_true(lambda: first.ready, "partitions are assigned")
        with running(config, store) as second:
            produce(broker, b"a", b"b")
            await_true(lambda: bool(first.failure), "it ends")
            assert "store.group" in first.failure
            await_true(lambda: {"a", "b"} <= set(messages(store)), "the other one goes on")
            assert not second.failure


def test_nothing_is_claimed_before_partitions_are_read(broker: Broker, store: Store, config: Config) -> None:
    """A store whose rebuild was killed lacks rows, and a search must not say that all is there."""
    indexer = Indexer(config, store)
    assert indexer.progress().paused is not None
    indexer.start()
    try:
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert indexer.progress().paused is None
    finally:
        indexer.stop()

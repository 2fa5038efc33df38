"""A broker that was put back, while the store is filled again from it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from logpost.config import Config, KafkaConfig, StoreConfig
from logpost_broker.broker import EMBEDDED, Broker
from logpost_web.store.check import check
from logpost_web.store.store import Store
from tests.web.indexer.test_indexer import await_messages, await_true, produce, running


def of(broker: Broker, rows: int = 10_000) -> Config:
    """`rows`: of a block."""
    kafka = KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1)
    return Config(kafka=kafka, store=StoreConfig(block_rows=rows))


def old(start: int, end: int) -> list[str]:
    return [f"old {number}" for number in range(start, end)]


def new(end: int) -> list[str]:
    return [f"new {number}" for number in range(end)]


def send(broker: Broker, texts: list[str]) -> None:
    produce(broker, *(text.encode() for text in texts))


@pytest.fixture
def older(store: Store, tmp_path: Path) -> Iterator[Path]:
    """The directory of a broker with 100 records, put back when the store has 200 more of them; beside it `oldest`,
    that of the first 40, and `broker`, that of all."""
    with Broker(EMBEDDED, tmp_path / "broker") as broker:
        send(broker, old(0, 40))
        shutil.copytree(tmp_path / "broker", tmp_path / "oldest")
        send(broker, old(40, 100))
    shutil.copytree(tmp_path / "broker", tmp_path / "older")
    with Broker(EMBEDDED, tmp_path / "broker") as broker:
        send(broker, old(100, 300))
        with running(of(broker), store) as indexer:
            await_messages(store, old(0, 300))
            await_true(lambda: indexer.progress().partitions[0].next_offset == 300, "all is accounted for")
    yield tmp_path / "older"


@pytest.mark.parametrize("sent", [0, 50, 250])
def test_a_rebuild_that_began_before_loses_nothing(store: Store, older: Path, sent: int) -> None:
    """By the old rows that lie beside the table, the log is another one from there on."""
    store.begin_rebuild()
    with Broker(EMBEDDED, older) as broker:
        send(broker, new(sent))
        with running(of(broker), store) as indexer:
            await_true(lambda: bool(indexer.progress().partitions) and not indexer.is_rebuilding, "it is rebuilt")
            await_messages(store, old(0, 300) + new(sent))
            send(broker, ["later"])
            await_messages(store, [*old(0, 300), *new(sent), "later"])
            assert not indexer.progress().lost_rows


def test_a_rebuild_that_was_killed_in_the_middle_loses_nothing(store: Store, older: Path) -> None:
    """Some rows are in the table again, and are those of the log; the rest lies beside it."""
    store.begin_rebuild()
    # As far as it came, by what the rows of before say.
    store.command("INSERT INTO otel_logs SELECT * FROM otel_logs_before WHERE Offset < 60")
    store.command(
        "INSERT INTO otel_logs_manifest SELECT Topic, TopicId, Partition, Chunk, 0, 60, 60, Lacks, Lost, LastOffset,"
        " LastMark, Version + 1 FROM otel_logs_manifest FINAL"
    )
    with Broker(EMBEDDED, older) as broker:
        send(broker, new(250))
        with running(of(broker), store) as indexer:
            await_true(lambda: bool(indexer.progress().partitions) and not indexer.is_rebuilding, "it is rebuilt")
            await_messages(store, old(0, 300) + new(250))
            assert not indexer.progress().lost_rows


def test_a_log_that_lost_its_beginning_besides(store: Store, older: Path) -> None:
    """Where it goes on otherwise is not there any more."""
    store.begin_rebuild()
    with Broker(EMBEDDED, older) as broker:
        send(broker, new(50))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        [deleted] = admin.delete_records([TopicPartition("logs", 0, 120)]).values()
        deleted.result(60)
        with running(of(broker), store) as indexer:
            await_true(lambda: bool(indexer.progress().partitions) and not indexer.is_rebuilding, "it is rebuilt")
            await_messages(store, old(0, 300) + new(50)[20:])
            await_true(lambda: check(store).is_sound, "all is accounted for")
            assert not indexer.progress().lost_rows


@pytest.mark.parametrize(("gone", "lost"), [("Offset < 300", 300), ("Offset >= 200", 100), ("Offset < 50", 0)])
def test_rows_that_are_missing_besides_hide_no_new_ones(store: Store, older: Path, gone: str, lost: int) -> None:
    """What the log has of them comes back; what is left at offsets of others stays, and takes no place of theirs."""
    left = [text for (text,) in store.query(f"SELECT Body FROM otel_logs WHERE NOT ({gone}) ORDER BY Offset").rows]
    store.command(f"DELETE FROM otel_logs WHERE {gone}")
    with Broker(EMBEDDED, older) as broker:
        send(broker, new(250))
        with running(of(broker), store) as indexer:
            await_messages(store, [*left, *(text for text in old(0, 100) if text not in left), *new(250)])
            await_true(lambda: not indexer.progress().refill_records, "the refill ends")
            assert indexer.progress().lost_rows == lost


def test_whichever_log_is_put_back_its_records_are_indexed_once(store: Store, older: Path, tmp_path: Path) -> None:
    """Also those that it has in common with a log that was there before, and those behind them."""
    sent = old(0, 300)

    def read(directory: Path, *texts: str) -> None:
        with Broker(EMBEDDED, directory) as broker:
            send(broker, list(texts))
            sent.extend(texts)
            with running(of(broker), store) as indexer:
                await_true(lambda: bool(indexer.progress().partitions) and not indexer.is_rebuilding, "it is rebuilt")
                await_messages(store, sent)
                await_true(lambda: indexer.progress().partitions[0].behind == 0, "all is accounted for")
                assert not indexer.progress().refill_records
                assert not indexer.progress().lost_rows
            assert check(store).is_sound

    oldest, newest = tmp_path / "oldest", tmp_path / "broker"
    read(older, *new(50))
    read(newest, "newest")
    read(oldest, *(f"other {number}" for number in range(100)))
    read(older, "older again")
    store.begin_rebuild()
    read(newest, "at last")


def test_the_newer_log_without_what_tells_it_from_the_older(store: Store, older: Path, tmp_path: Path) -> None:
    """Its retention went on: it has no record any more at the offsets of the older one's."""
    with Broker(EMBEDDED, older) as broker:
        send(broker, new(50))
        with running(of(broker), store):
            await_messages(store, old(0, 300) + new(50))
    with Broker(EMBEDDED, tmp_path / "broker") as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        [deleted] = admin.delete_records([TopicPartition("logs", 0, 200)]).values()
        deleted.result(60)
        send(broker, ["newest"])
        with running(of(broker), store) as indexer:
            await_messages(store, [*old(0, 300), *new(50), "newest"])
            [(first,)] = store.query("SELECT TopicId FROM otel_logs WHERE Body = 'old 0'").rows
            assert indexer.topic_id_at(("logs", 0), 250) == first
            assert indexer.topic_id_at(("logs", 0), 120) != first
            assert indexer.topic_id_at(("logs", 7), 0) == ""

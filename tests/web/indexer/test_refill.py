"""A store that was lost, damaged or put back fills itself again; a broker that was put back is noticed."""

import json
import os
import shutil
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.config import Config, KafkaConfig
from logpost.record import Src
from logpost_broker.broker import EMBEDDED, Broker
from logpost_web.indexer.indexer import Indexer
from logpost_web.indexer.progress import Progress
from logpost_web.store.check import check
from logpost_web.store.manifest_table import CHUNK
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.web.indexer.test_away import Box
from tests.web.indexer.test_indexer import await_messages, await_true, messages, produce, record, running

SECONDS = 60.0


@pytest.fixture
def config(broker: Broker) -> Config:
    return Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1))


def lines(start: int, end: int) -> list[bytes]:
    """Every other is a record of a stream, and one of those is sent twice."""
    values = []
    for number in range(start, end):
        text = f"line {number}"
        values.append(
            text.encode() if number % 2 else record(text, Src(id="s", start=number * 10, end=number * 10 + 10))
        )
        if number % 10 == 0:
            values.append(values[-1])
    return values


def texts(start: int, end: int) -> list[str]:
    return [f"line {number}" for number in range(start, end)]


def test_an_empty_store_is_filled_from_the_start_and_then_goes_on(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, *lines(0, 200))
    with running(config, store) as indexer:
        await_messages(store, texts(0, 200))
        await_true(lambda: indexer.progress().partitions[0].next_offset == 220, "all is accounted for")
    store.command("TRUNCATE TABLE otel_logs")
    store.command("TRUNCATE TABLE otel_logs_manifest")
    produce(broker, *lines(200, 300))
    with running(config, store) as indexer:
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert indexer.progress().refill_records <= 220
        await_messages(store, texts(0, 300))
        await_true(lambda: not indexer.progress().refill_records, "the refill ends")


def test_rows_that_vanished_are_read_again_without_doubles(broker: Broker, store: Store, config: Config) -> None:
    count = CHUNK + 1000
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 50})
    for number in range(count):
        producer.produce("logs", f"line {number}".encode(), partition=0)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(SECONDS) == 0
    with running(config, store) as indexer:
        await_true(lambda: [part.next_offset for part in indexer.progress().partitions] == [count], "all")
    store.command("DELETE FROM otel_logs WHERE Offset BETWEEN 10 AND 500 OR Offset = 65600")
    with running(config, store) as indexer:
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert indexer.progress().partitions[0].next_offset == 0
        await_true(lambda: not indexer.progress().refill_records, "the refill ends")
        assert store.query("SELECT count(), uniqExact(Offset) FROM otel_logs").rows == [(count, count)]
        produce(broker, b"new")
        await_true(lambda: store.query("SELECT count() FROM otel_logs").rows == [(count + 1,)], "it goes on")


def test_rows_that_are_there_twice_are_told_and_one_is_kept(broker: Broker, store: Store, config: Config) -> None:
    """As when somebody copied a part, or put back what a merge had replaced. Some are missing besides."""
    produce(broker, *texts_of("a", 100))
    with running(config, store) as indexer:
        await_stored(store, indexer, 100)
    store.command("INSERT INTO otel_logs SELECT * FROM otel_logs WHERE Offset < 60")
    store.command("DELETE FROM otel_logs WHERE Offset BETWEEN 90 AND 94")
    found = check(store)
    assert (found.doubled_rows, found.lacking_rows, found.is_sound) == (60, 5, False)
    with running(config, store) as indexer:
        await_stored(store, indexer, 100)
    assert sorted(messages(store)) == sorted(text.decode() for text in texts_of("a", 100))
    assert check(store).is_sound


def test_what_the_topic_has_no_more_is_said_to_be_lost_once(
    broker: Broker, store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    produce(broker, *lines(0, 100))
    with running(config, store) as indexer:
        await_messages(store, texts(0, 100))
        await_true(lambda: indexer.progress().partitions[0].next_offset == 110, "all is accounted for")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    [deleted] = admin.delete_records([TopicPartition("logs", 0, 55)]).values()
    deleted.result(SECONDS)
    store.command("DELETE FROM otel_logs WHERE Offset < 110")
    for expected in (1, 0):
        caplog.clear()
        with running(config, store) as indexer:
            await_true(lambda: indexer.ready and not indexer.progress().refill_records, "the refill ends")
            assert indexer.progress().lost_rows == 50
        assert sum("they are lost" in one for one in caplog.messages) == expected
    assert store.query("SELECT min(Offset), uniqExact(Offset), count() FROM otel_logs").rows == [(55, 50, 50)]


def test_a_rebuilt_store_has_the_rows_of_the_topic_and_those_that_only_it_had(
    broker: Broker, store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Progress] = []
    begin_rebuild = store.begin_rebuild
    produce(broker, *lines(0, 200))
    with running(config, store) as indexer:

        def notice_and_begin() -> None:
            said.append(indexer.progress())
            begin_rebuild()

        monkeypatch.setattr(store, "begin_rebuild", notice_and_begin)
        await_messages(store, texts(0, 200))
        await_true(lambda: indexer.progress().partitions[0].next_offset == 220, "all is accounted for")
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        [deleted] = admin.delete_records([TopicPartition("logs", 0, 55)]).values()
        deleted.result(SECONDS)
        store.command("ALTER TABLE otel_logs UPDATE FilePath = 'wrong' WHERE 1 SETTINGS mutations_sync = 1")
        indexer.rebuild()
        assert indexer.is_rebuilding
        await_true(lambda: not indexer.is_rebuilding, "it is rebuilt")
        await_messages(store, texts(0, 200))
        [before] = said  # the rows leave the table after it was said
        assert (before.paused is not None, before.damages) == (True, 1)
        assert store.query("SELECT max(Offset) FROM otel_logs WHERE FilePath = 'wrong'").rows == [(54,)]
        produce(broker, *lines(200, 210))
        await_messages(store, texts(0, 210))
    assert not store.has_table("otel_logs_before")


def test_what_was_lost_stays_named_when_the_store_is_rebuilt_and_the_topic_made_again(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, *texts_of("a", 100))
    with running(config, store) as indexer:
        await_true(lambda: store.query("SELECT count() FROM otel_logs").rows == [(100,)], "all is stored")
        await_true(lambda: indexer.progress().partitions[0].next_offset == 100, "all is accounted for")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    [deleted] = admin.delete_records([TopicPartition("logs", 0, 60)]).values()
    deleted.result(SECONDS)
    store.command("DELETE FROM otel_logs WHERE Offset < 40")
    with running(config, store) as indexer:
        await_true(lambda: indexer.progress().lost_rows == 40, "they are named")
        indexer.rebuild()
        await_true(lambda: not indexer.is_rebuilding, "it is rebuilt")
        assert indexer.progress().lost_rows == 40
        assert store.query("SELECT count() FROM otel_logs").rows == [(60,)]
        await_true(lambda: not indexer.progress().paused and not indexer.progress().refill_records, "all is back")
    delete_topic(broker, "logs")
    produce(broker, b"new")
    with running(config, store) as indexer:
        await_true(lambda: store.query("SELECT count() FROM otel_logs").rows == [(61,)], "the new topic is read")
        await_true(lambda: bool(indexer.progress().partitions), "partitions")
        assert indexer.progress().lost_rows == 40
    store.command("DELETE FROM otel_logs WHERE Offset BETWEEN 60 AND 69")
    for _ in range(2):
        with running(config, store) as indexer:
            await_true(lambda: bool(indexer.progress().partitions), "partitions")
            assert indexer.progress().lost_rows == 50


def delete_topic(broker: Broker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    [gone] = admin.delete_topics([topic]).values()
    gone.result(SECONDS)


def await_stored(store: Store, indexer: Indexer, rows: int) -> None:
    """And accounted for."""
    await_true(lambda: store.query("SELECT count() FROM otel_logs").rows == [(rows,)], f"{rows} rows are stored")
    await_true(lambda: sum(one.next_offset for one in indexer.progress().partitions) >= rows, "all is accounted for")


def rebuild(indexer: Indexer) -> None:
    await_true(lambda: indexer.ready and bool(indexer.progress().partitions), "partitions")
    indexer.rebuild()
    await_true(lambda: not indexer.is_rebuilding, "it is rebuilt")


def test_rows_that_only_the_store_has_are_named_when_they_are_lost(
    broker: Broker, store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    produce(broker, *texts_of("a", 50))
    produce(broker, *texts_of("b", 30), topic="logs-gone")
    with running(config, store) as indexer:
        await_stored(store, indexer, 80)
    delete_topic(broker, "logs-gone")
    store.command("DELETE FROM otel_logs WHERE Topic = 'logs-gone' AND Offset < 10")
    for expected in (1, 0):
        caplog.clear()
        with running(config, store) as indexer:
            await_true(lambda: indexer.progress().lost_rows == 10, "rows of a topic that is no more are named")
            assert sum("they are lost" in one for one in caplog.messages) == expected
    with running(config, store) as indexer:
        rebuild(indexer)
        assert indexer.progress().lost_rows == 10
        topics = store.query("SELECT Topic, count() FROM otel_logs GROUP BY 1 ORDER BY 1").rows
        assert topics == [("logs", 50), ("logs-gone", 20)]
        # What the rebuild copied is accounted for too.
        store.command("DELETE FROM otel_logs WHERE Topic = 'logs-gone' AND Offset BETWEEN 12 AND 14")
    for _ in range(2):
        with running(config, store) as indexer:
            await_true(lambda: indexer.progress().lost_rows == 13, "they are named")


def texts_of(name: str, count: int) -> list[bytes]:
    return [f"{name} {number}".encode() for number in range(count)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    with box.broker.start(), box.web.start():
        box.await_ready()
        yield box


def send(box: Box, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    for number, value in enumerate(values):
        producer.produce("logs", value, partition=number % 2)
    assert producer.flush(SECONDS) == 0


def found(box: Box) -> list[str]:
    return sorted(row["message"] for row in box.rows())


def await_found(box: Box, expected: list[str]) -> None:
    box.await_ready()
    await_condition(lambda: not box.get("/api/search", q="")["complete"]["behind"], "nothing is behind", SECONDS)
    await_condition(lambda: box.total() >= len(expected), f"{len(expected)} rows", SECONDS)
    assert found(box) == sorted(expected)


def test_a_store_that_was_put_back_older_is_whole_again(box: Box) -> None:
    send(box, lines(0, 200))
    await_found(box, texts(0, 200))
    box.web.stop()
    store, copy = box.data / "store", box.data / "copy"
    shutil.copytree(store, copy)
    box.web.start()
    send(box, lines(200, 450))
    await_found(box, texts(0, 450))
    box.web.stop()
    shutil.rmtree(store)
    copy.rename(store)
    box.web.start()
    await_found(box, texts(0, 450))


def old_texts(end: int) -> list[str]:
    return [f"old {number}" for number in range(end)]


def new_texts(end: int) -> list[str]:
    return [f"new {number}" for number in range(end)]


def test_a_broker_that_was_put_back_while_nobody_read(store: Store, tmp_path: Path) -> None:
    def config(broker: Broker) -> Config:
        return Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1))

    with Broker(EMBEDDED, tmp_path / "broker") as broker:
        produce(broker, *map(str.encode, old_texts(100)))
    shutil.copytree(tmp_path / "broker", tmp_path / "older")
    with Broker(EMBEDDED, tmp_path / "broker") as broker:
        produce(broker, *map(str.encode, old_texts(300)[100:]))
        with running(config(broker), store):
            await_messages(store, old_texts(300))
    shutil.copytree(tmp_path / "older", tmp_path / "oldest")
    with Broker(EMBEDDED, tmp_path / "older") as broker:
        produce(broker, *map(str.encode, new_texts(250)))  # more than were lost: the ends say nothing
        with running(config(broker), store):
            await_messages(store, old_texts(300) + new_texts(250))
    with Broker(EMBEDDED, tmp_path / "oldest") as broker:
        produce(broker, b"newest")
        with running(config(broker), store):
            await_messages(store, [*old_texts(300), *new_texts(250), "newest"])


def test_a_broker_that_was_put_back_while_the_web_runs(box: Box) -> None:
    send(box, list(map(str.encode, old_texts(100))))
    await_found(box, old_texts(100))
    box.broker.stop()
    broker, copy = box.data / "broker", box.data / "copy"
    shutil.copytree(broker, copy)
    box.broker.start()
    send(box, list(map(str.encode, old_texts(300)[100:])))
    await_found(box, old_texts(300))
    box.broker.stop()
    shutil.rmtree(broker)
    copy.rename(broker)
    box.broker.start()
    send(box, list(map(str.encode, new_texts(50))))
    await_condition(lambda: box.total() == 350, "old and new", SECONDS)
    await_found(box, old_texts(300) + new_texts(50))
    assert any("the topic is older than the store" in line for line in box.web.lines)


def part_files(box: Box) -> list[Path]:
    """The data of the rows, the largest first."""
    files = (box.data / "store").glob("clickhouse/store/*/*/0-*_*/data.bin")
    return sorted(files, key=lambda file: -file.stat().st_size)


def test_damage_is_noticed_and_mended(box: Box) -> None:
    everything = [f"line {number} of a file with some words" for number in range(400)]
    send(box, [text.encode() for text in everything])
    await_found(box, everything)
    box.web.stop()
    largest = part_files(box)[0]
    os.truncate(largest, largest.stat().st_size // 2)
    box.web.start()
    box.web.await_line("are damaged and set aside")
    await_found(box, everything)
    assert not list((box.data / "store").glob("clickhouse/store/*/*/detached/broken*"))
    # While it runs: bytes of what a search reads.
    for file in part_files(box):
        content = bytearray(file.read_bytes())
        content[::50] = bytes(255 - byte for byte in content[::50])
        file.write_bytes(content)
    with pytest.raises(urllib.error.HTTPError) as raised:
        box.get("/api/search", q="*ords*", limit=1000)
    assert raised.value.code == 503
    box.web.await_line("are set aside")
    await_condition(lambda: total_or_damaged(box, "*ords*") == len(everything), "all is back", SECONDS)
    await_found(box, everything)


def total_or_damaged(box: Box, query: str) -> int:
    """How many rows are found; -1 while what was asked for is damaged, and says so."""
    try:
        return len(box.get("/api/search", q=query, limit=1000)["rows"])
    except urllib.error.HTTPError as error:
        assert json.load(error)["error"]["code"] == "store_damaged"
        return -1


def test_a_store_that_is_removed_while_it_is_open_is_made_again(box: Box) -> None:
    send(box, lines(0, 200))
    await_found(box, texts(0, 200))
    shutil.rmtree(box.data / "store" / "clickhouse", ignore_errors=True)  # the web writes into it meanwhile
    box.web.await_line("was removed")
    await_condition(lambda: total_or_damaged(box, "line") == 200, "all is back", SECONDS)
    await_found(box, texts(0, 200))
    shutil.rmtree(next((box.data / "store").glob("clickhouse/store/*/*/0-*_*")))  # a single part of it
    box.web.await_line("the store has lost")
    await_condition(lambda: total_or_damaged(box, "line") == 200, "all is back", SECONDS)
    await_found(box, texts(0, 200))
    send(box, lines(200, 300))
    await_found(box, texts(0, 300))


PARTS = 120


def test_a_file_that_is_cut_or_missing_in_each_of_many_parts_is_mended(tmp_path: Path) -> None:
    """As after a power cut. More are damaged than the engine opens a table with by default."""
    box = Box(tmp_path)
    box.web.environment["LOGPOST_STORE_KEEP"] = "1000d"
    with box.broker.start():
        # The web would make one that takes no time but the broker's: records of a day each lie in a part of their own.
        admin = AdminClient({"bootstrap.servers": box.bootstrap_servers})
        topic = NewTopic("logs", 1, config={"message.timestamp.type": "CreateTime"})
        admin.create_topics([topic])["logs"].result(SECONDS)
        producer = Producer({"bootstrap.servers": box.bootstrap_servers})
        first_ms = int((time.time() - PARTS * 86_400) * 1000)
        for number in range(PARTS):
            producer.produce("logs", f"line {number}".encode(), partition=0, timestamp=first_ms + number * 86_400_000)
        assert producer.flush(SECONDS) == 0
        with box.web.start():
            await_found(box, texts(0, PARTS))
        files = part_files(box)
        assert len(files) == PARTS
        for number, file in enumerate(files[1:]):
            there = sorted(file.parent.iterdir())
            one = there[number % len(there)]  # each kind of file some times
            if number // len(there) % 2:
                one.unlink()
            else:
                os.truncate(one, one.stat().st_size // 2)
        with box.web.start():
            box.web.await_line("parts of otel_logs are damaged and set aside")
            await_found(box, texts(0, PARTS))
        assert not list((box.data / "store").glob("clickhouse/store/*/*/detached/*"))

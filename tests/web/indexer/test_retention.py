"""Retention between a real broker and a real store: what was dropped does not come again, and nothing is missed."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from logpost.config import Config, KafkaConfig, StoreConfig
from logpost_broker import Broker
from logpost_web.api.completeness import completeness
from logpost_web.indexer.retention_memory import FILE, MemoryFile
from logpost_web.retention.plan import WAIT_MS
from logpost_web.store import rebuild
from logpost_web.store.check import check
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.support.processes import run
from tests.web.indexer.test_away import RECORDS_A_KILL, Box
from tests.web.indexer.test_indexer import await_messages, await_true, messages, running

HOUR_S = 3600


@pytest.fixture
def store(store: Store) -> Iterator[Store]:
    (store.directory / FILE).unlink(missing_ok=True)
    yield store
    (store.directory / FILE).unlink(missing_ok=True)


@pytest.fixture
def config(broker: Broker) -> Config:
    return with_keep(Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1)), "14d")


def with_keep(config: Config, keep: str) -> Config:
    return msgspec.structs.replace(config, store=StoreConfig(keep=keep))


def produce(broker: Broker, *texts: str, hours_ago: float = 0) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for text in texts:
        producer.produce("logs", text.encode(), partition=0, timestamp=int((time.time() - hours_ago * HOUR_S) * 1000))
    assert producer.flush(60) == 0


def skip_the_wait(store: Store) -> None:
    """As if the settings had been changed ten minutes before."""
    file = MemoryFile(store.directory, store.place)
    file.memory.waited_ms = WAIT_MS
    file.save()


def lines(name: str, count: int = 50) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def test_what_was_dropped_is_no_loss_and_does_not_come_again(broker: Broker, store: Store, config: Config) -> None:
    produce(broker, *lines("old"), hours_ago=30)
    produce(broker, *lines("young"), hours_ago=1)
    with running(config, store):
        await_messages(store, lines("old") + lines("young"))
    short = with_keep(config, "1d")
    with running(short, store) as indexer:
        await_true(lambda: indexer.retention.waiting is not None, "it waits")
        assert len(messages(store)) == 100
    skip_the_wait(store)
    with running(short, store) as indexer:
        await_messages_exactly(store, lines("young"))
        await_true(lambda: indexer.retention.dropped.rows == 50, "it says so")
    for _ in range(2):
        produce(broker, "new")
        with running(short, store) as indexer:
            await_true(lambda: "new" in messages(store), "the new line")
            progress = indexer.progress()
            assert (progress.refill_records, progress.lost_rows, progress.stepped_over) == (0, 0, ())
        assert "old 1" not in messages(store)
    # A part of what is left is lost: it is read again, and what was dropped is not.
    store.command("DELETE FROM otel_logs WHERE Body LIKE 'young 1%'")
    with running(short, store) as indexer:
        await_messages_exactly(store, [*lines("young"), "new", "new"])
        await_true(lambda: not indexer.progress().refill_records, "the refill ends")
        assert indexer.progress().lost_rows == 0
        assert completeness(indexer.progress()).missing == []


def await_messages_exactly(store: Store, expected: list[str]) -> None:
    await_true(lambda: sorted(messages(store)) == sorted(expected), f"{len(expected)} rows")


def test_a_store_that_is_filled_again_has_the_same_rows_and_drops_the_same(
    broker: Broker, store: Store, config: Config
) -> None:
    produce(broker, *lines("old"), hours_ago=30)
    produce(broker, *lines("young"), hours_ago=1)
    produce(broker, "of another time", hours_ago=400)  # it came behind the others all the same
    with running(config, store):
        await_messages(store, [*lines("old"), *lines("young"), "of another time"])
    arrivals = "SELECT Body, ArrivedAt FROM otel_logs ORDER BY Body"
    before = store.query(arrivals).rows
    store.begin_rebuild()
    with running(config, store):
        await_messages(store, [*lines("old"), *lines("young"), "of another time"])
        await_true(lambda: not rebuild.is_running(store), "the rebuild ends")
    assert store.query(arrivals).rows == before
    store.begin_rebuild()
    with running(with_keep(config, "1d"), store):
        await_true(lambda: not rebuild.is_running(store), "the rebuild ends")
    skip_the_wait(store)
    with running(with_keep(config, "1d"), store) as indexer:
        await_messages_exactly(store, [*lines("young"), "of another time"])
        assert indexer.progress().lost_rows == 0


def test_a_new_store_leaves_out_what_is_past_its_time_and_says_so(
    broker: Broker, store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    produce(broker, *lines("old"), hours_ago=30)
    produce(broker, *lines("young"), hours_ago=1)
    with running(with_keep(config, "1d"), store) as indexer:
        await_messages(store, lines("young"))
        await_true(lambda: indexer.progress().partitions[0].behind == 0, "all is looked at")
    assert caplog.text.count("longer ago than rows are kept") == 1
    assert check(store).is_sound


FLUSHED = 500
"""Lines that are sent together."""


def send_random_lines(servers: str, count: int, seed: int) -> None:
    """Numbered, of 1,000 bytes that compress badly, slowly enough for some kills."""
    chance = random.Random(seed)
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5})
    for number in range(count):
        producer.produce("logs", f"line {number} {chance.randbytes(480).hex()}".encode(), partition=number % 3)
        producer.poll(0)
        if number % FLUSHED == 0:
            producer.flush(30)
    assert producer.flush(60) == 0


def complete(box: Box) -> dict[str, list[object]]:
    found: dict[str, list[object]] = box.get("/api/search", limit=1)["complete"]
    return found


def test_kill_9_while_the_oldest_go_for_room(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each line is there once or was dropped, the newest are there, and nothing is taken for lost. With `--records`, so
    many."""
    count = int(request.config.getoption("--records"))
    seed = random.randrange(2**32)
    box = Box(tmp_path)
    limit = (
        9_000_000 + 125 * count
    )  # less than what store and topic take, and more than twice what is there without rows
    box.web.environment["LOGPOST_STORE_MAX_BYTES"] = str(limit)
    chance = random.Random(seed)
    with box.broker.start(), box.web.start():
        box.await_ready()
        sender = threading.Thread(target=send_random_lines, args=(box.bootstrap_servers, count, seed))
        sender.start()
        for _ in range(count // RECORDS_A_KILL):
            threading.Event().wait(chance.uniform(0.2, 2.0))
            box.web.kill()
            box.web.start()
        sender.join(120)

        def numbers() -> list[int]:
            return sorted(int(row["message"].split()[1]) for row in box.rows())

        await_condition(lambda: count - 1 in numbers(), f"the newest line, seed {seed}", 120)
        await_condition(lambda: not complete(box)["behind"], f"all is indexed, seed {seed}", 120)
        await_condition(lambda: numbers()[0] > 100, f"the oldest are gone, seed {seed}", 120)
        box.web.kill()
        box.web.start()
        box.await_ready()
        found = numbers()
        assert len(found) == len(set(found)), f"seed {seed}"
        assert found[-1] >= count - FLUSHED, f"seed {seed}"  # those of one flush are of one moment: any of them may go
        await_condition(lambda: not complete(box)["behind"], f"all is indexed, seed {seed}", 120)
        assert [complete(box)[name] for name in ("missing", "dropped", "stepped_over")] == [[], [], []]
        box.web.stop()
    answer = run("store", "check", "--json", "--data", str(box.data), timeout=120)
    found_by_check = json.loads(answer.stdout)
    assert [found_by_check[name] for name in ("lacking_rows", "doubled_rows", "lost_rows")] == [0, 0, 0], f"seed {seed}"

"""Kafka Streams' word count with `exactly_once_v2`, killed in the middle of transactions: each count is there once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from logpost_broker import Broker
from tests.interop.java_program import compiled, running
from tests.interop.topics import SECONDS
from tests.interop.words import CHANGELOG, REPARTITION, Words, await_that, await_transaction
from tests.support.processes import Part, free_port


@pytest.fixture(scope="module")
def class_path(libs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled("WordCount", libs, tmp_path_factory.mktemp("word-count"))


@pytest.fixture
def words(broker: Broker) -> Iterator[Words]:
    yield Words(broker.bootstrap_servers)


def settings(words: Words, state: Path, **more: object) -> list[str]:
    """Of the library; `_` stands for `.` in a name."""
    values = {
        "bootstrap_servers": words.servers,
        "processing_guarantee": "exactly_once_v2",
        "state_dir": state,
        "consumer_session_timeout_ms": 6000,
        "consumer_heartbeat_interval_ms": 500,
        **more,
    }
    return [f"{name.replace('_', '.')}={value}" for name, value in values.items()]


def test_killed_in_transactions_it_counts_each_word_once(words: Words, class_path: str, tmp_path: Path) -> None:
    """A static member, which takes its own place over. Every other life begins without the state that the last one
    left: it is restored from the changelog, and the open transaction of the last one waits for its timeout."""
    state, log = tmp_path / "state", tmp_path / "log"
    timing = {"commit_interval_ms": 200, "transaction_timeout_ms": 2000, "repartition_purge_interval_ms": 200}
    options = settings(words, state, group_instance_id="only", **timing)
    for kill in range(2):
        words.feed()
        with running(class_path, "WordCount", *options, log=log):
            await_that(partial(words.has_more_than, words.end()), log)
            words.feed()
            await_transaction(words, log)
        if kill == 1:
            shutil.rmtree(state)
    with running(class_path, "WordCount", *options, log=log) as process:
        await_that(words.are_counted, log, 0.2)
        await_that(words.is_purged, log, 0.2)
        process.terminate()
        process.wait(SECONDS)
    words.check()
    assert words.cleanup_policy(CHANGELOG) == "compact"
    assert words.cleanup_policy(REPARTITION) == "delete"


def test_another_member_goes_on_with_its_standby(words: Words, class_path: str, tmp_path: Path) -> None:
    logs = [tmp_path / "log-0", tmp_path / "log-1"]
    options = [settings(words, tmp_path / f"state-{number}", num_standby_replicas=1) for number in range(2)]
    with running(class_path, "WordCount", *options[0], log=logs[0]) as first:
        words.feed()
        await_that(words.are_counted, logs[0], 0.2)
        with running(class_path, "WordCount", *options[1], log=logs[1]) as second:
            await_that(lambda: "RUNNING" in logs[1].read_text(), logs[1], 0.05)
            words.feed()
            await_that(words.are_counted, logs[1], 0.2)
            words.feed()
            await_transaction(words, logs[0])
            first.kill()
            await_that(words.are_counted, logs[1], 0.2)
            second.terminate()
            second.wait(SECONDS)
    words.check()


def test_the_broker_is_killed_under_it(class_path: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    addresses = {"broker.port": port, "broker.metrics_port": 0, "broker.listen": "127.0.0.1"}
    with Part("broker", "--data", str(tmp_path), settings=addresses).start() as part:
        words = Words(f"127.0.0.1:{port}")
        options = settings(words, tmp_path / "state", num_stream_threads=2, commit_interval_ms=200)
        with running(class_path, "WordCount", *options, log=log) as process:
            for _ in range(2):
                words.feed()
                await_transaction(words, log)
                part.kill()
                part.start()
                # librdkafka's list_offsets would go on asking with the leader epoch from before.
                words.admin = AdminClient({"bootstrap.servers": words.servers})
            await_that(words.are_counted, log, 0.2)
            process.terminate()
            process.wait(SECONDS)
        words.check()

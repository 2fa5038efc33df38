"""Kafka Streams' word count in the streams protocol (KIP-1071), where our broker leads the group: instances come, are
killed and go, and every count is there once. Kafka's own tools see the group as on Apache Kafka."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.wire_client import WireClient
from tests.interop.java_program import compiled, running
from tests.interop.topics import SECONDS
from tests.interop.words import CHANGELOG, LINES, REPARTITION, Words, await_that, await_transaction
from tests.support.apache_kafka import run_tool
from tests.support.processes import Part, free_port

GROUPS = "org.apache.kafka.tools.streams.StreamsGroupCommand"
DUMP = "org.apache.kafka.tools.DumpLogSegments"
APPLICATION = "word-count"
SETTINGS = {
    "streams_session_timeout_ms": 6_000,
    "streams_heartbeat_interval_ms": 300,
    "streams_num_standby_replicas": 1,
}
RECORD_TYPES = {"17", "19", "20", "21", "22", "23"}


@pytest.fixture(scope="module")
def class_path(libs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled("WordCount", libs, tmp_path_factory.mktemp("word-count"))


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[Broker]:
    """A broker that notices dead members soon and keeps a standby of each state."""
    with Broker(msgspec.structs.replace(EMBEDDED, **SETTINGS), tmp_path / "data") as broker:
        yield broker


def options(words: Words, state: Path, transaction_timeout_ms: int = 5_000) -> list[str]:
    values = {
        "bootstrap.servers": words.servers,
        "group.protocol": "streams",
        "processing.guarantee": "exactly_once_v2",
        "transaction.timeout.ms": transaction_timeout_ms,
        "state.dir": state,
    }
    return [f"{name}={value}" for name, value in values.items()]


def group(port: int) -> Any:
    with WireClient(port) as client:
        [described] = client.call("streams_group_describe", 0, {"group_ids": (APPLICATION,)}).groups
    return described


def is_stable(port: int, members: int) -> bool:
    described = group(port)
    return described.group_state == "Stable" and len(described.members) == members


def tool(libs: Path, broker: Broker, *arguments: str) -> str:
    """What the tool says, a space between its words."""
    ended = run_tool(libs, GROUPS, "--bootstrap-server", broker.bootstrap_servers, *arguments)
    assert ended.returncode == 0, ended.stderr
    return re.sub(" +", " ", ended.stdout)


def check_tool(libs: Path, broker: Broker) -> None:
    """Of two members, who have counted all there was."""
    assert tool(libs, broker, "--list").split() == [APPLICATION]
    lags = tool(libs, broker, "--describe", "--group", APPLICATION)
    for topic in (LINES, REPARTITION):
        for partition in range(2):
            assert f"{APPLICATION} {topic} {partition} 0" in lags
    state = tool(libs, broker, "--describe", "--group", APPLICATION, "--state", "--verbose")
    epoch = group(broker.port).group_epoch
    assert re.search(rf"{APPLICATION} \S+ \(1\) Stable {epoch} {epoch} 2\b", state), state
    members = tool(libs, broker, "--describe", "--group", APPLICATION, "--members", "--verbose")
    for role in (r"ACTIVE: 0:\[", r"STANDBY: 1:\[", r"TARGET-ACTIVE: 0:\[", r"TARGET-STANDBY: 1:\["):
        assert len(re.findall(rf"(?<![-\w]){role}", members)) == 2, members


def test_instances_come_and_are_killed_and_each_word_is_counted_once(
    leader: Broker, libs: Path, class_path: str, tmp_path: Path
) -> None:
    words = Words(leader.bootstrap_servers)
    log = tmp_path / "log"
    first, second, third = (options(words, tmp_path / f"state-{number}") for number in range(3))
    words.feed()
    with (
        running(class_path, "WordCount", *first, log=log) as killed,
        running(class_path, "WordCount", *second, log=log) as stopped,
    ):
        await_that(partial(is_stable, leader.port, 2), log, 0.1)
        await_that(words.are_counted, log, 0.2)
        check_tool(libs, leader)
        with running(class_path, "WordCount", *third, log=log) as left:
            words.feed()
            await_that(partial(is_stable, leader.port, 3), log, 0.1)
            words.feed()
            await_transaction(words, log)
            killed.kill()
            words.feed()
            await_that(words.are_counted, log, 0.2)
            await_that(partial(is_stable, leader.port, 2), log, 0.1)
            for process in (stopped, left):
                process.terminate()
                process.wait(SECONDS)
    words.check()
    assert words.cleanup_policy(CHANGELOG) == "compact"
    assert words.cleanup_policy(REPARTITION) == "delete"
    check_records(libs, tmp_path / "data")
    check_deletion(libs, leader, words)


def test_a_broker_that_is_killed_knows_its_groups(class_path: str, tmp_path: Path) -> None:
    """Members go on in their epoch: nobody joins again, no task moves, and each word is counted once."""
    port = free_port()
    ours = {"port": port, "listen": "127.0.0.1", "metrics_port": 0, "streams_heartbeat_interval_ms": 300}
    settings = {f"broker.{name}": value for name, value in ours.items()}
    with Part("broker", "--data", str(tmp_path / "data"), settings=settings).start() as broker:
        words = Words(f"127.0.0.1:{port}")
        log = tmp_path / "log"
        # An instance whose transaction times out while the broker is away joins again.
        first, second = (options(words, tmp_path / f"state-{number}", 300_000) for number in range(2))
        with running(class_path, "WordCount", *first, log=log), running(class_path, "WordCount", *second, log=log):
            words.feed()
            await_that(words.are_counted, log, 0.2)  # all topics are there: they change the group's epoch
            await_that(partial(is_stable, port, 2), log, 0.1)
            before = group(port)
            for _ in range(2):
                words.feed()
                await_transaction(words, log)
                broker.kill()
                broker.start()
                words.connect()
            words.feed()
            await_that(words.are_counted, log, 0.2)
            assert group(port) == before
        words.check()


def check_records(libs: Path, data: Path) -> None:
    """Kafka's own reader understands what our broker keeps of the group."""
    [file] = data.rglob("__consumer_offsets-0/*.log")
    ended = run_tool(libs, DUMP, "--print-data-log", "--offsets-decoder", "--files", str(file))
    assert ended.returncode == 0, ended.stderr
    found = re.findall(r'key: (\{"type":"(\d+)".*\}) payload: (.*)', ended.stdout)
    assert {type_ for _, type_, _ in found} >= RECORD_TYPES
    for key, _, payload in found:
        json.loads(key)
        assert payload == "<DELETE>" or "data" in json.loads(payload), payload


def check_deletion(libs: Path, broker: Broker, words: Words) -> None:
    said = tool(libs, broker, "--delete", "--group", APPLICATION, "--delete-all-internal-topics")
    assert f"Deletion of requested streams groups ('{APPLICATION}') was successful." in said
    assert tool(libs, broker, "--list").split() == []
    left = words.admin.list_topics(timeout=SECONDS).topics
    assert not {CHANGELOG, REPARTITION} & left.keys()

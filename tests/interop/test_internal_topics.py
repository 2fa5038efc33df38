"""Apache Kafka reads groups, offsets and transactions in the topics that our coordinators write."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, ShareConsumer

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.interop.topics import SECONDS, create, producer
from tests.support.apache_kafka import run_tool

TOPIC = "t"
DECODED = re.compile(r"\| offset: .* key: (\{.*\}) payload: (\{.*\}|<DELETE>)")
MARKER = re.compile(r"\| offset: .* endTxnMarker: (COMMIT|ABORT) .*")


def use(servers: str, group_protocol: str) -> None:
    """A group with a member, that commits by itself, in a transaction, and in one that is aborted; then it leaves."""
    settings = {"bootstrap.servers": servers, "log_level": 0}
    group = {"group.id": group_protocol, "group.protocol": group_protocol, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, **group, "enable.auto.commit": False})
    consumer.subscribe([TOPIC])
    assert consumer.poll(SECONDS) is not None
    consumer.commit(asynchronous=False)
    copier = Producer({**settings, "transactional.id": group_protocol})
    copier.init_transactions(SECONDS)
    for end in (copier.commit_transaction, copier.abort_transaction):
        copier.begin_transaction()
        copier.produce(TOPIC, b"copy")
        positions = consumer.position(consumer.assignment())
        copier.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), SECONDS)
        end(SECONDS)
    consumer.close()


def share(servers: str) -> None:
    """A share group with a member, which is given a record and leaves."""
    consumer = ShareConsumer({"bootstrap.servers": servers, "group.id": "share", "log_level": 0})
    consumer.subscribe([TOPIC])
    deadline = time.monotonic() + SECONDS
    with producer(servers) as made:
        while not consumer.poll(0.1):
            assert time.monotonic() < deadline
            made.produce(TOPIC, b"for anybody")
    consumer.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Broker(EMBEDDED, tmp_path / "data") as broker:
        create(broker.bootstrap_servers, TOPIC)
        with producer(broker.bootstrap_servers) as made:
            made.produce(TOPIC, b"v")
        for group_protocol in ("classic", "consumer"):
            use(broker.bootstrap_servers, group_protocol)
        share(broker.bootstrap_servers)
    return tmp_path / "data"


def decoded(libs: Path, data: Path, topic: str, decoder: str) -> tuple[Counter[str], Counter[str]]:
    """How many records there are of each type of key, and how many markers. Fails for one that the tool leaves out."""
    [file] = data.rglob(f"{topic}-0/*.log")
    ended = run_tool(libs, "org.apache.kafka.tools.DumpLogSegments", "--print-data-log", decoder, "--files", str(file))
    assert ended.returncode == 0, ended.stderr
    types: Counter[str] = Counter()
    markers: Counter[str] = Counter()
    for line in ended.stdout.splitlines():
        if not line.startswith("| offset:"):
            continue
        if marker := MARKER.fullmatch(line):
            markers[marker[1]] += 1
            continue
        record = DECODED.fullmatch(line)
        assert record is not None, line
        types[json.loads(record[1])["type"]] += 1
        assert record[2] == "<DELETE>" or "data" in json.loads(record[2]), line
    return types, markers


def test_kafkas_tool_reads_groups_and_offsets(libs: Path, data: Path) -> None:
    types, markers = decoded(libs, data, "__consumer_offsets", "--offsets-decoder")
    assert types["1"] == 6, "offsets: alone, committed, aborted, for two groups"
    assert types["2"] >= 2, "the classic group: with its member, and without"
    assert all(types[key] for key in "35678"), "the consumer group: itself, its member, what it has and should have"
    assert all(types[key] for key in ("10", "11", "12", "13", "14")), "the same of the share group"
    assert markers == {"COMMIT": 2, "ABORT": 2}


def test_kafkas_tool_reads_transactions(libs: Path, data: Path) -> None:
    types, markers = decoded(libs, data, "__transaction_state", "--transaction-log-decoder")
    assert types["0"] >= 2 * 5, "empty, ongoing, prepared and complete, twice"
    assert not markers

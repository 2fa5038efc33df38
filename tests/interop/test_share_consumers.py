"""Kafka's own share consumers and tools against our broker, and its reader of share group state against our journal."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logpost_broker import Broker
from tests.broker.wire_client import WireClient
from tests.interop.topics import SECONDS, create, producer
from tests.support.apache_kafka import run_tool

CONSOLE = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
VERIFIABLE = "org.apache.kafka.tools.VerifiableShareConsumer"
GROUPS = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"
DUMP = "org.apache.kafka.tools.DumpLogSegments"
GROUP, TOPIC = "workers", "jobs"
RECORDS = 200


@contextmanager
def running(libs: Path, main_class: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = ["java", "-Xmx256M", "-cp", f"{libs}/*", main_class, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def groups(libs: Path, broker: Broker, *arguments: str) -> str:
    """What the tool says, a space between its words."""
    ended = run_tool(libs, GROUPS, "--bootstrap-server", broker.bootstrap_servers, *arguments)
    assert ended.returncode == 0, ended.stderr
    return re.sub(" +", " ", ended.stdout)


def await_members(broker: Broker, count: int) -> None:
    """Until so many members are in the group and it has begun with the topic: it begins at the end."""
    deadline = time.monotonic() + SECONDS
    with WireClient(broker.port) as client:
        while True:
            [described] = client.call("share_group_describe", 1, {"group_ids": (GROUP,)}).groups
            asked = {"groups": [{"group_id": GROUP, "topics": None}]}
            [offsets] = client.call("describe_share_group_offsets", 1, asked).groups
            if len(described.members) == count and offsets.topics:
                return
            assert time.monotonic() < deadline, described
            time.sleep(0.05)


def produce(broker: Broker) -> list[str]:
    values = [f"job {number}" for number in range(RECORDS)]
    with producer(broker.bootstrap_servers) as made:
        for value in values:
            made.produce(TOPIC, value.encode())
    return values


def test_the_console_share_consumer_and_the_group_tool(libs: Path, broker: Broker) -> None:
    create(broker.bootstrap_servers, TOPIC)
    servers = ("--bootstrap-server", broker.bootstrap_servers)
    options = (*servers, "--topic", TOPIC, "--group", GROUP, "--max-messages", str(RECORDS))
    with running(libs, CONSOLE, *options) as consumer:
        await_members(broker, 1)
        values = produce(broker)
        assert consumer.communicate(timeout=SECONDS)[0].splitlines() == values
    assert f"{GROUP} {TOPIC} 0 {RECORDS} 0" in groups(libs, broker, "--describe", "--group", GROUP)
    assert f"{GROUP} Empty" in groups(libs, broker, "--list", "--state")
    reset = ("--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-earliest", "--execute")
    assert f"{GROUP} {TOPIC} 0 0" in groups(libs, broker, *reset)
    assert f"{GROUP} {TOPIC} 0 0 {RECORDS}" in groups(libs, broker, "--describe", "--group", GROUP)
    assert "successful" in groups(libs, broker, "--delete", "--group", GROUP)


def test_two_verifiable_share_consumers_get_each_record_once(libs: Path, broker: Broker) -> None:
    create(broker.bootstrap_servers, TOPIC)
    options = ("--bootstrap-server", broker.bootstrap_servers, "--topic", TOPIC, "--group-id", GROUP)
    with running(libs, VERIFIABLE, *options) as first, running(libs, VERIFIABLE, *options) as second:
        await_members(broker, 2)
        produce(broker)
        offsets = []
        await_lag(broker, 0)
        for consumer in (first, second):
            consumer.terminate()
            for line in consumer.communicate(timeout=SECONDS)[0].splitlines():
                event = json.loads(line) if line.startswith("{") else {}
                if event.get("name") == "offsets_acknowledged" and event["success"]:
                    offsets += [offset for place in event["partitions"] for offset in place["offsets"]]
    assert sorted(offsets) == list(range(RECORDS))


def await_lag(broker: Broker, lag: int) -> None:
    deadline = time.monotonic() + SECONDS
    with WireClient(broker.port) as client:
        while True:
            asked = {"groups": [{"group_id": GROUP, "topics": None}]}
            [offsets] = client.call("describe_share_group_offsets", 1, asked).groups
            if [partition.lag for topic in offsets.topics for partition in topic.partitions] == [lag]:
                return
            assert time.monotonic() < deadline, offsets
            time.sleep(0.05)


def test_kafka_reads_the_state_of_share_groups(libs: Path, broker: Broker) -> None:
    create(broker.bootstrap_servers, TOPIC)
    with WireClient(broker.port) as client:
        [described] = client.call("metadata", 12, {"topics": [{"name": TOPIC}]}).topics
        member = {"group_id": GROUP, "member_id": "m", "member_epoch": 0, "rack_id": None}
        client.call("share_group_heartbeat", 1, {**member, "subscribed_topic_names": (TOPIC,)})
        partition = {"partition_index": 0}
        session = {"group_id": GROUP, "member_id": "m", "max_bytes": 1 << 20, "max_records": 500}
        fetch = session | {"topics": [{"topic_id": described.topic_id, "partitions": [partition]}]}
        client.call("share_fetch", 2, fetch)
        produce(broker)
        client.call("share_fetch", 2, fetch | {"share_session_epoch": 1})
        batches = [
            {"first_offset": 0, "last_offset": 3, "acknowledge_types": (1, 1, 2, 3)},
            {"first_offset": 6, "last_offset": 9, "acknowledge_types": (1,)},
        ]
        partition["acknowledgement_batches"] = batches  # type: ignore[assignment]  # the dict of a request
        answer = client.call("share_acknowledge", 2, fetch | {"share_session_epoch": 2})
        assert answer.responses[0].partitions[0].error_code == 0
    [segment] = broker.directory.glob("__share_group_state-0/*.log")
    dumped = run_tool(libs, DUMP, "--share-group-state-decoder", "--files", str(segment)).stdout
    # Behind them may be what was released when the connection was closed.
    _, update, *_ = [json.loads(text) for text in re.findall(r"payload: (\{.*\})", dumped)]
    assert update["data"] == {
        "snapshotEpoch": 0,
        "leaderEpoch": update["data"]["leaderEpoch"],
        "startOffset": 2,
        "deliveryCompleteCount": 5,
        "stateBatches": [
            {"firstOffset": 2, "lastOffset": 2, "deliveryState": 0, "deliveryCount": 1},
            {"firstOffset": 3, "lastOffset": 3, "deliveryState": 4, "deliveryCount": 1},
            {"firstOffset": 6, "lastOffset": 9, "deliveryState": 2, "deliveryCount": 1},
        ],
    }

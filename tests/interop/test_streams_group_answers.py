"""The life of a streams group, heartbeat by heartbeat, on our broker and on Apache Kafka: the same answers, word for
word. Not compared are the order of lists, which is Java's hashing there, and numbers that only count changes."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kio.schema.errors import ErrorCode
from kio.schema.streams_group_heartbeat.v0.request import Endpoint, Topology

from logpost_broker import Broker
from tests.broker.wire_client import WireClient, entity
from tests.interop.topics import SECONDS, create
from tests.support.apache_kafka import ApacheKafka

REBALANCE = datetime.timedelta(seconds=60)
UNCHANGED = datetime.timedelta(milliseconds=-1)
NOT_READY = {ErrorCode.coordinator_load_in_progress, ErrorCode.coordinator_not_available, ErrorCode.not_coordinator}
IGNORED = {"throttle_time", "endpoint_information_epoch"}
GROUP_RESOURCE, SET = 32, 0
NO_DELAY = {"group.streams.initial.rebalance.delay.ms": "0"}
"""Our broker has none unless it is told to."""
AT_ONCE = {"streams.assignment.interval.ms": "0"}
WITH_STANDBYS = {**AT_ONCE, "streams.num.standby.replicas": "1"}
COMPACT = [{"key": "cleanup.policy", "value": "compact"}]
Part = Mapping[str, object]


def topic(name: str, partitions: int = 0) -> Part:
    return {"name": name, "partitions": partitions, "topic_configs": COMPACT}


def word_count(app: str) -> list[Part]:
    repartition = f"{app}-repartition"
    return [
        {"subtopology_id": "0", "source_topics": ("three",), "repartition_sink_topics": (repartition,)},
        {
            "subtopology_id": "1",
            "repartition_source_topics": [topic(repartition)],
            "state_changelog_topics": [topic(f"{app}-changelog")],
        },
    ]


REFUSED: Mapping[str, Sequence[Part]] = {
    "regex": [{"subtopology_id": "0", "source_topic_regex": ("a.*",)}],
    "fixed changelog": [{"subtopology_id": "0", "source_topics": ("two",), "state_changelog_topics": [topic("x", 3)]}],
    "internal topic": [{"subtopology_id": "0", "source_topics": ("__consumer_offsets",)}],
    "loop": [{"subtopology_id": "0", "repartition_source_topics": [topic("r")], "repartition_sink_topics": ("r",)}],
    "never written": [{"subtopology_id": "0", "repartition_source_topics": [topic("r")]}],
}
NOT_FITTING: Mapping[str, Sequence[Part]] = {
    "missing": [{"subtopology_id": "0", "source_topics": ("a", "b", "c", "d", "three", "e")}],
    "joined": [
        {"subtopology_id": "0", "source_topics": ("three", "two"), "copartition_groups": [{"source_topics": (0, 1)}]}
    ],
    "existing": [{"subtopology_id": "0", "source_topics": ("three",), "state_changelog_topics": [topic("two")]}],
}


def await_that(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Group:
    """A streams group on one of the brokers, and what its members know."""

    def __init__(self, client: WireClient, app: str, parts: Sequence[Part]) -> None:
        self.client = client
        self.app = app
        self._topology = entity(Topology, {"epoch": 0, "subtopologies": list(parts)})
        self._known: dict[str, dict[str, Any]] = {}

    def beat(self, member: str, **said: object) -> Any:
        known = self._known.setdefault(member, {"member_epoch": 0})
        values: dict[str, object] = {"group_id": self.app, "member_id": member, "rebalance_timeout": REBALANCE}
        values |= {"active_tasks": [], "standby_tasks": [], "warmup_tasks": [], **known}
        if known["member_epoch"] == 0:
            values |= {"topology": self._topology, "process_id": f"process of {member}"}
        answered = self.client.call("streams_group_heartbeat", 0, {**values, **said})
        if answered.error_code is ErrorCode.none:
            known["member_epoch"] = answered.member_epoch
            for name in ("active_tasks", "standby_tasks"):
                told = getattr(answered, name)
                if told is not None:
                    known[name] = [
                        {"subtopology_id": task.subtopology_id, "partitions": task.partitions} for task in told
                    ]
        return answered

    def epoch(self, member: str) -> int:
        return int(self._known[member]["member_epoch"])

    def configure(self, configs: Mapping[str, str]) -> None:
        changes = [{"name": name, "config_operation": SET, "value": value} for name, value in configs.items()]
        resource = {"resource_type": GROUP_RESOURCE, "resource_name": self.app, "configs": changes}
        [altered] = self.client.call("incremental_alter_configs", 1, {"resources": [resource]}).responses
        assert altered.error_code is ErrorCode.none, altered
        await_that(lambda: configs.items() <= self._configs().items(), "Kafka's broker hears of it")

    def _configs(self) -> dict[str, str]:
        resource = {"resource_type": GROUP_RESOURCE, "resource_name": self.app, "configuration_keys": None}
        [described] = self.client.call("describe_configs", 4, {"resources": [resource]}).results
        return {config.name: config.value for config in described.configs}

    def await_tasks(self, member: str) -> Any:
        """Until the internal topics are there."""
        answers: list[Any] = []

        def is_ready() -> bool:
            answers.append(self.beat(member))
            return not answers[-1].status

        await_that(is_ready, "the internal topics are made")
        return answers[-1]

    def settle(self, *members: str) -> None:
        for _ in range(6):
            for member in members:
                self.beat(member)

    def described(self) -> Any:
        return self.client.call("streams_group_describe", 0, {"group_ids": (self.app,)})


def refusals(client: WireClient) -> Iterator[tuple[str, Any]]:
    group = Group(client, "refused", word_count("refused"))
    for said in (
        {"member_id": ""},
        {"group_id": ""},
        {"rack_id": ""},
        {"instance_id": "i"},
        {"rebalance_timeout": UNCHANGED},
        {"topology": None},
        {"active_tasks": None},
        {"member_epoch": 1},
        {"member_epoch": 1, "topology": None},
        {"member_epoch": -1, "topology": None},
        {"member_epoch": -2},
        {"member_epoch": -3},
    ):
        yield f"refused {said}", group.beat("m", **said)
    for name, parts in REFUSED.items():
        yield name, Group(client, name.replace(" ", "-"), parts).beat("m")
    for name, parts in NOT_FITTING.items():
        waiting = Group(client, name, parts)
        yield name, waiting.beat("m")
        yield f"{name} described", waiting.described()


def life(client: WireClient) -> Iterator[tuple[str, Any]]:
    group = Group(client, "app", word_count("app"))
    group.configure(AT_ONCE)
    yield "first", group.beat("a", user_endpoint=Endpoint(host="h", port=7))  # type: ignore[arg-type]  # kio's integers
    yield "topics", group.await_tasks("a")
    yield "quiet", group.beat("a")
    for said in (
        {"member_epoch": 9},
        {"active_tasks": [{"subtopology_id": "0", "partitions": (9,)}]},
        {"active_tasks": [{"subtopology_id": "7", "partitions": (0,)}]},
        {"standby_tasks": None},
        {"warmup_tasks": [{"subtopology_id": "0", "partitions": (0,)}]},
    ):
        yield f"running {said}", group.beat("a", **said)
    yield "other topology", Group(client, "app", word_count("app")[:1]).beat("b")
    for step, member in enumerate("babab"):
        yield f"two members {step}", group.beat(member)
    yield "described", group.described()
    yield "classic", client.call("describe_groups", 6, {"groups": ("app",)})
    yield "consumer", client.call("consumer_group_describe", 1, {"group_ids": ("app",)})
    yield "deleted", client.call("delete_groups", 2, {"groups_names": ("app",)})
    for offset in (0, -1, 1):
        yield f"commit {offset}", commit(client, "a", group.epoch("a") + offset)
    yield "commit of another", commit(client, "c", 1)
    yield "shutdown", group.beat("a", shutdown_application=True)
    yield "told of shutdown", group.beat("b")
    for member in "abb":
        yield f"{member} leaves", group.beat(member, member_epoch=-1)
    yield "empty", group.described()


def commit(client: WireClient, member_id: str, epoch: int) -> Any:
    offset = {"partition_index": 0, "committed_offset": 5, "committed_leader_epoch": -1, "committed_metadata": ""}
    asked = {"group_id": "app", "member_id": member_id, "generation_id_or_member_epoch": epoch}
    return client.call("offset_commit", 9, {**asked, "topics": [{"name": "three", "partitions": [offset]}]})


def standbys(client: WireClient) -> Iterator[tuple[str, Any]]:
    changelog = topic("copies-changelog")
    group = Group(
        client,
        "copies",
        [
            {"subtopology_id": "0", "source_topics": ("four",), "state_changelog_topics": [changelog]},
            {"subtopology_id": "1", "source_topics": ("three",)},
        ],
    )
    group.configure(WITH_STANDBYS)
    group.await_tasks("a")
    group.settle("a", "b")
    yield "two with standbys", group.described()
    group.settle("a", "b", "c")
    yield "three with standbys", group.described()


def comparable(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name not in IGNORED]
        return {name: comparable(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return sorted((comparable(item) for item in value), key=repr)
    if isinstance(value, str) and value.startswith("Internal topics are missing: "):
        return sorted(value.removeprefix("Internal topics are missing: ").split(", "))
    return value


def transcript(servers: str, port: int) -> dict[str, Any]:
    for name, partitions in (("two", 2), ("three", 3), ("four", 4)):
        create(servers, name, partitions)
    with WireClient(port) as client:
        client.call("find_coordinator", 4, {"key_type": 0, "coordinator_keys": ("refused",)})
        probe = {"group_id": "refused", "member_id": "m", "member_epoch": 1, "rebalance_timeout": UNCHANGED}
        await_that(
            lambda: client.call("streams_group_heartbeat", 0, probe).error_code not in NOT_READY,
            "Kafka's coordinator starts",
        )
        stories = (refusals, life, standbys)
        return {label: comparable(answered) for story in stories for label, answered in story(client)}


def test_every_answer_is_that_of_apache_kafka(libs: Path, tmp_path: Path) -> None:
    with ApacheKafka(tmp_path / "kafka", libs, NO_DELAY) as apache, Broker() as broker:
        theirs = transcript(apache.bootstrap_servers, apache.port)
        ours = transcript(broker.bootstrap_servers, broker.port)
    assert len(ours) > 40
    for label, answered in ours.items():
        assert answered == theirs[label], label

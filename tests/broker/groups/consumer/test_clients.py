"""librdkafka in consumer groups of the new protocol: partitions shared and taken over, members killed, the broker
killed, topics that come later."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupType, TopicPartition
from confluent_kafka.admin import AdminClient

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.groups.clients import (
    PARTITIONS,
    SECONDS,
    filled_topic,
    members,
    produce,
    run_and_kill,
    settings_of,
    until,
    values,
)
from tests.support.processes import Part, broker_part

SETTINGS = {"consumer_session_timeout_ms": 30_000, "consumer_heartbeat_interval_ms": 100}
"""Sessions are longer than a busy machine keeps a member from its heartbeats."""


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a broker whose sessions last as a test says, or long."""
    session_ms = getattr(request, "param", SETTINGS["consumer_session_timeout_ms"])
    config = msgspec.structs.replace(EMBEDDED, **{**SETTINGS, "consumer_session_timeout_ms": session_ms})
    with Broker(config) as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4()}"


def consumer_settings(servers: str, group: str, **settings: object) -> dict[str, Any]:
    return settings_of(servers, group, **{"group_protocol": "consumer", "reconnect_backoff_max_ms": 200, **settings})


@pytest.fixture
def consumer(servers: str, group: str) -> Iterator[Callable[..., Consumer]]:
    with members(partial(consumer_settings, servers, group)) as make:
        yield make


def places(consumer: Consumer) -> set[tuple[str, int]]:
    return {(place.topic, place.partition) for place in consumer.assignment()}


def everything(*topics: str) -> set[tuple[str, int]]:
    return {(topic, partition) for topic in topics for partition in range(PARTITIONS)}


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_two_members_share_and_one_takes_over(servers: str, consumer: Callable[..., Consumer], assignor: str) -> None:
    topic = filled_topic(servers)
    first, second = (consumer(group_remote_assignor=assignor) for _ in range(2))
    first.subscribe([topic])
    until(lambda: places(first) == everything(topic), first)
    second.subscribe([topic])
    until(lambda: len(places(first)) == len(places(second)) == PARTITIONS // 2, first, second)
    assert places(first) | places(second) == everything(topic)
    first.close()
    until(lambda: places(second) == everything(topic), second)


def test_no_message_is_read_twice_while_members_come(servers: str, consumer: Callable[..., Consumer]) -> None:
    """A partition moves when its owner has committed what it read and let go."""
    topic = filled_topic(servers)
    read: list[tuple[int, int]] = []
    members: list[Consumer] = []
    for _ in range(3):
        member = consumer()
        member.subscribe([topic], on_revoke=lambda it, _: _commit(it))
        members.append(member)
        until(lambda: sum(len(places(each)) for each in members) == PARTITIONS and all(map(places, members)), *members)
        produce(servers, topic, b"more")
        for each in members:
            while (message := each.poll(0.3)) is not None:
                read.append((message.partition() or 0, message.offset() or 0))
    assert len(read) == len(set(read))


def _commit(consumer: Consumer) -> None:
    """What was read; of some partitions maybe nothing was yet."""
    read = [place for place in consumer.position(consumer.assignment()) if place.offset >= 0]
    if read:
        consumer.commit(offsets=read, asynchronous=False)


@pytest.mark.parametrize("servers", [2_000], indirect=True)
def test_a_killed_member_is_noticed_when_its_session_ends(
    servers: str, group: str, consumer: Callable[..., Consumer]
) -> None:
    topic = filled_topic(servers)
    assert run_and_kill(consumer_settings(servers, group), topic) == PARTITIONS
    successor = consumer()
    successor.subscribe([topic])
    until(lambda: places(successor) == everything(topic), successor)


def test_a_static_member_is_restarted_without_a_rebalance(servers: str, consumer: Callable[..., Consumer]) -> None:
    topic = filled_topic(servers)
    revoked: list[Any] = []
    staying, restarted = consumer(group_instance_id="one"), consumer(group_instance_id="two")
    staying.subscribe([topic], on_revoke=lambda _, taken: revoked.append(taken))
    restarted.subscribe([topic])
    until(lambda: len(places(staying)) == len(places(restarted)) == PARTITIONS // 2, staying, restarted)
    had, before = places(restarted), len(revoked)
    restarted.close()
    again = consumer(group_instance_id="two")
    again.subscribe([topic])
    until(lambda: places(again) == had, again, staying)
    assert len(revoked) == before


def test_a_regular_expression_finds_topics_that_come_later(servers: str, consumer: Callable[..., Consumer]) -> None:
    prefix = uuid.uuid4().hex
    first = filled_topic(servers, f"{prefix}-first")
    member = consumer()
    member.subscribe([f"^{prefix}-.*"])
    until(lambda: places(member) == everything(first), member)
    filled_topic(servers, f"not-{prefix}-second")
    second = filled_topic(servers, f"{prefix}-second")
    until(lambda: places(member) == everything(first, second), member)
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_topics([first])[first].result(SECONDS)
    until(lambda: places(member) == everything(second), member)


def test_tools_see_the_group(servers: str, group: str, consumer: Callable[..., Consumer]) -> None:
    topic = filled_topic(servers)
    admin = AdminClient({"bootstrap.servers": servers})
    member = consumer(client_id="reader")
    member.subscribe([topic])
    until(lambda: places(member) == everything(topic), member)
    listed = admin.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result(SECONDS)
    assert group in {each.group_id for each in listed.valid}
    described = admin.describe_consumer_groups([group])[group].result(SECONDS)
    assert (described.state, described.type) == (ConsumerGroupState.STABLE, ConsumerGroupType.CONSUMER)
    assert described.partition_assignor == "uniform"
    assert [(one.client_id, len(one.assignment.topic_partitions)) for one in described.members] == [
        ("reader", PARTITIONS)
    ]
    member.close()
    admin.delete_consumer_groups([group])[group].result(SECONDS)
    assert group not in {each.group_id for each in admin.list_consumer_groups().result(SECONDS).valid}


def test_a_group_is_upgraded_when_its_classic_members_are_gone(servers: str, consumer: Callable[..., Consumer]) -> None:
    topic = filled_topic(servers)
    classic = consumer(group_protocol="classic")
    classic.subscribe([topic])
    until(lambda: places(classic) == everything(topic), classic)
    classic.commit(offsets=[TopicPartition(topic, partition, 1) for partition in range(PARTITIONS)], asynchronous=False)
    classic.close()
    produce(servers, topic, b"second")
    member = consumer()
    member.subscribe([topic])
    assert values(PARTITIONS, member, of=b"second") == [b"second"] * PARTITIONS


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Part]:
    with broker_part(tmp_path, **SETTINGS) as part:
        yield part


def test_members_go_on_after_the_broker_was_killed(killable: Part, group: str) -> None:
    servers = killable.servers
    topic = filled_topic(servers)
    changes: list[str] = []
    pair = [Consumer(consumer_settings(servers, group)) for _ in range(2)]
    for member in pair:
        member.subscribe([topic], on_revoke=lambda *_: changes.append("revoked"))
    until(lambda: all(len(places(member)) == PARTITIONS // 2 for member in pair), *pair)
    pair[0].commit(
        offsets=[TopicPartition(topic, partition, 1) for _, partition in places(pair[0])], asynchronous=False
    )
    changes.clear()
    killable.kill()
    killable.start()
    produce(servers, topic, b"second")
    values(PARTITIONS, *pair, of=b"second")
    assert changes == [], "no rebalance"
    for member in pair:
        member.close()


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_a_group_is_upgraded_member_by_member_and_back(
    servers: str, consumer: Callable[..., Consumer], group: str, strategy: str
) -> None:
    """KIP-848's migration while the group reads: each half of it is of another protocol in between."""
    topic = filled_topic(servers)
    classic = {
        "group_protocol": "classic",
        "partition_assignment_strategy": strategy,
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 100,
    }
    members = [consumer(**classic) for _ in range(2)]
    for member in members:
        member.subscribe([topic])
    until(lambda: [len(places(member)) for member in members] == [2, 2], *members)
    for settings in ({}, {}, classic, classic):
        members.pop(0).close()
        members.append(consumer(**settings))
        members[-1].subscribe([topic])
        until(lambda: [len(places(member)) for member in members] == [2, 2], *members)
        assert places(members[0]) | places(members[1]) == everything(topic)
    produce(servers, topic, b"last")
    read: set[int | None] = set()
    deadline = time.monotonic() + SECONDS
    while len(read) < PARTITIONS:
        assert time.monotonic() < deadline, read
        for member in members:
            message = member.poll(0.05)
            if message is not None and message.value() == b"last":
                read.add(message.partition())
    admin = AdminClient({"bootstrap.servers": servers})
    described = admin.describe_consumer_groups([group])[group].result(SECONDS)
    assert described.type is ConsumerGroupType.CLASSIC

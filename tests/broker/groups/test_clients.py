"""Real clients in groups: partitions shared and taken over, offsets kept through kill -9, restarts without a pause."""

from __future__ import annotations

import asyncio
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from logpost_broker import Broker
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
from tests.support.processes import Part

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python reads its schemas by a deprecated function
    import kafka

pytestmark = pytest.mark.filterwarnings("ignore:read_text is deprecated:DeprecationWarning")


@pytest.fixture
def servers(shared_broker: Broker) -> str:
    return shared_broker.bootstrap_servers


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4()}"


@pytest.fixture
def topic(servers: str) -> str:
    return filled_topic(servers)


def consumer_settings(servers: str, group: str, **settings: object) -> dict[str, Any]:
    return settings_of(servers, group, **{"heartbeat_interval_ms": 100, "session_timeout_ms": 6_000, **settings})


@pytest.fixture
def consumer(servers: str, group: str) -> Iterator[Callable[..., Consumer]]:
    with members(partial(consumer_settings, servers, group)) as make:
        yield make


def partitions(consumer: Consumer) -> set[int]:
    return {place.partition for place in consumer.assignment()}


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_two_members_share_and_one_takes_over(topic: str, consumer: Callable[..., Consumer], strategy: str) -> None:
    first, second = (consumer(partition_assignment_strategy=strategy) for _ in range(2))
    first.subscribe([topic])
    until(lambda: len(partitions(first)) == PARTITIONS, first)
    second.subscribe([topic])
    until(lambda: len(partitions(first)) == len(partitions(second)) == PARTITIONS // 2, first, second)
    assert partitions(first) | partitions(second) == set(range(PARTITIONS))
    first.close()
    until(lambda: len(partitions(second)) == PARTITIONS, second)


def test_a_killed_member_is_noticed_when_its_session_ends(
    servers: str, topic: str, group: str, consumer: Callable[..., Consumer]
) -> None:
    assert run_and_kill(consumer_settings(servers, group, session_timeout_ms=1_500), topic) == PARTITIONS
    successor = consumer()
    successor.subscribe([topic])
    until(lambda: len(partitions(successor)) == PARTITIONS, successor)


def test_a_killed_static_member_has_its_partitions_back_at_once(
    servers: str, topic: str, group: str, consumer: Callable[..., Consumer]
) -> None:
    """As the indexer does: its session, longer than this test may take, is not waited for."""
    static = {"group_instance_id": "indexer", "session_timeout_ms": 270_000}
    assert run_and_kill(consumer_settings(servers, group, **static), topic) == PARTITIONS
    produce(servers, topic, b"second")
    successor = consumer(**static)
    successor.subscribe([topic])
    until(lambda: len(partitions(successor)) == PARTITIONS, successor)
    members = describe(servers, group).members
    assert [(member.group_instance_id, len(member.assignment.topic_partitions)) for member in members] == [
        ("indexer", PARTITIONS)
    ]


def test_a_static_member_is_restarted_without_a_rebalance(topic: str, consumer: Callable[..., Consumer]) -> None:
    revoked: list[Any] = []
    staying = consumer(group_instance_id="one", session_timeout_ms=45_000)
    staying.subscribe([topic], on_revoke=lambda _, places: revoked.append(places))
    restarted = consumer(group_instance_id="two", session_timeout_ms=45_000)
    restarted.subscribe([topic])
    until(lambda: len(partitions(staying)) == len(partitions(restarted)) == PARTITIONS // 2, staying, restarted)
    had, before = partitions(restarted), len(revoked)
    restarted.close()  # a static member leaves without saying so
    again = consumer(group_instance_id="two", session_timeout_ms=45_000)
    again.subscribe([topic])
    until(lambda: partitions(again) == had, again, staying)
    assert len(revoked) == before


def test_two_processes_with_one_instance_id_are_told(topic: str, consumer: Callable[..., Consumer]) -> None:
    first, second = consumer(group_instance_id="one"), consumer(group_instance_id="one")
    first.subscribe([topic])
    until(lambda: len(partitions(first)) == PARTITIONS, first)
    second.subscribe([topic])
    until(lambda: len(partitions(second)) == PARTITIONS, second)
    with pytest.raises(AssertionError, match="fenced by other consumer"):
        until(lambda: False, first)


def describe(servers: str, group: str) -> Any:
    admin = AdminClient({"bootstrap.servers": servers})
    return admin.describe_consumer_groups([group])[group].result(SECONDS)


def committed(servers: str, group: str) -> dict[tuple[str, int], int]:
    """What an admin tool sees."""
    admin = AdminClient({"bootstrap.servers": servers})
    asked = ConsumerGroupTopicPartitions(group)
    places = admin.list_consumer_group_offsets([asked])[group].result(SECONDS).topic_partitions
    return {(place.topic, place.partition): place.offset for place in places}


def test_tools_list_describe_and_delete_groups(
    servers: str, topic: str, group: str, consumer: Callable[..., Consumer]
) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    member = consumer(client_id="reader")
    member.subscribe([topic])
    until(lambda: len(partitions(member)) == PARTITIONS, member)
    member.commit(offsets=[TopicPartition(topic, 2, 1, "note")], asynchronous=False)

    listed = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(SECONDS)
    assert group in {each.group_id for each in listed.valid}
    described = describe(servers, group)
    assert (described.state, described.partition_assignor) == (ConsumerGroupState.STABLE, "range")
    assert [(one.client_id, one.host) for one in described.members] == [("reader", "/127.0.0.1")]
    assert committed(servers, group) == {(topic, 2): 1}
    with pytest.raises(KafkaException, match="NON_EMPTY_GROUP"):
        admin.delete_consumer_groups([group])[group].result(SECONDS)

    member.close()
    assert describe(servers, group).state == ConsumerGroupState.EMPTY
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 2, 0)])
    admin.alter_consumer_group_offsets([moved])[group].result(SECONDS)
    assert committed(servers, group) == {(topic, 2): 0}
    admin.delete_consumer_groups([group])[group].result(SECONDS)
    assert committed(servers, group) == {}


def test_a_deleted_topic_takes_its_offsets_along(servers: str, topic: str, group: str) -> None:
    lone = Consumer(consumer_settings(servers, group))
    lone.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert committed(servers, group) == {(topic, 0): 1}
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_topics([topic])[topic].result(SECONDS)
    assert committed(servers, group) == {}
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC_OR_PART"):
        lone.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    lone.close()


async def share_by_aiokafka(servers: str, group: str, topic: str) -> None:
    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            topic,
            bootstrap_servers=servers,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=100,
        )

    async def until_shared(counts: dict[AIOKafkaConsumer, int]) -> None:
        while any(len(each.assignment()) != count for each, count in counts.items()):
            await asyncio.gather(*(each.getmany(timeout_ms=50) for each in counts))

    first, second = make(), make()
    await first.start()
    assert (await first.getone()).value == b"first"
    await first.commit()
    await second.start()
    await asyncio.wait_for(until_shared({first: 2, second: 2}), SECONDS)
    await first.stop()
    await asyncio.wait_for(until_shared({second: 4}), SECONDS)
    await second.stop()
    assert sum(committed(servers, group).values()) >= 1


def test_aiokafka_members_share(servers: str, group: str, topic: str) -> None:
    asyncio.run(share_by_aiokafka(servers, group, topic))


def test_kafka_python_reads_on_where_it_stopped(servers: str, group: str, topic: str) -> None:
    def read(count: int) -> list[bytes]:
        reader = kafka.KafkaConsumer(
            topic,
            bootstrap_servers=servers,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            consumer_timeout_ms=int(SECONDS * 1000),
        )
        values = [next(reader).value for _ in range(count)]
        reader.commit()
        reader.close()
        return values

    assert read(PARTITIONS) == [b"first"] * PARTITIONS
    produce(servers, topic, b"second")
    assert read(PARTITIONS) == [b"second"] * PARTITIONS


def test_a_member_goes_on_after_the_broker_was_killed(killable: Part, group: str) -> None:
    servers = killable.servers
    topic = filled_topic(servers)
    changes: list[str] = []
    settings = consumer_settings(servers, group, session_timeout_ms=45_000, reconnect_backoff_max_ms=200)
    member = Consumer(settings)
    member.subscribe(
        [topic], on_assign=lambda *_: changes.append("assigned"), on_revoke=lambda *_: changes.append("revoked")
    )
    until(lambda: len(partitions(member)) == PARTITIONS, member)
    member.commit(offsets=[TopicPartition(topic, 1, 1, "note")], asynchronous=False)
    killable.kill()
    killable.start()
    produce(servers, topic, b"second")
    values(PARTITIONS, member, of=b"second")
    member.commit(offsets=[TopicPartition(topic, 2, 2)], asynchronous=False)
    assert changes == ["assigned"], "no rebalance"
    assert committed(servers, group) == {(topic, 1): 1, (topic, 2): 2}
    member.close()


def test_a_stopping_broker_waits_for_no_parked_member(group: str) -> None:
    with Broker() as broker:
        topic = filled_topic(broker.bootstrap_servers)
        first, second = (Consumer(consumer_settings(broker.bootstrap_servers, group)) for _ in range(2))
        first.subscribe([topic])
        until(lambda: len(partitions(first)) == PARTITIONS, first)
        second.subscribe([topic])
        while describe(broker.bootstrap_servers, group).state is not ConsumerGroupState.PREPARING_REBALANCING:
            second.poll(0.01)
        started = time.monotonic()
        broker.stop()
        assert time.monotonic() - started < 30.0
        # The members are not closed: librdkafka would look for the broker first, and once in a hundred runs for ever.

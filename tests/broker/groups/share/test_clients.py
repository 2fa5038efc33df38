"""Real share consumers: records shared among them, redelivered when a consumer is killed, kept when the broker is."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from confluent_kafka import AcknowledgeType, KafkaException, Message, Producer, ShareConsumer
from confluent_kafka.admin import AdminClient, NewTopic

from logpost_broker import Broker
from tests.broker.wire_client import WireClient
from tests.support.processes import Part

SECONDS = 90.0
RECORDS = 500
KILLS = 4


@pytest.fixture
def group() -> str:
    return f"share-{uuid.uuid4()}"


def make_topic(servers: str, partitions: int) -> str:
    topic = f"shared-{uuid.uuid4()}"
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result(SECONDS)
    return topic


def produce(servers: str, topic: str, first: int, last: int) -> None:
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
    for number in range(first, last):
        producer.produce(topic, b"%d" % number, key=b"%d" % number)
    assert producer.flush(SECONDS) == 0


class Consumers:
    """Share consumers of one group, and what each got."""

    def __init__(self, servers: str, group: str, topic: str) -> None:
        self.servers, self.group, self.topic = servers, group, topic
        self.at_end = ExitStack()
        self.all: list[ShareConsumer] = []
        self.got: Counter[int] = Counter()

    def add(self) -> ShareConsumer:
        consumer = ShareConsumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": self.group,
                "share.acknowledgement.mode": "explicit",
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self.at_end.callback(consumer.close)
        consumer.subscribe([self.topic])
        self.all.append(consumer)
        return consumer

    def poll(self, acknowledge: Callable[[ShareConsumer, Message], None]) -> None:
        for consumer in self.all:
            for message in consumer.poll(0.1):
                assert message.error() is None
                value = message.value()
                assert value is not None
                self.got[int(value)] += 1
                acknowledge(consumer, message)

    def until(self, done: Callable[[], bool], acknowledge: Callable[[ShareConsumer, Message], None]) -> None:
        deadline = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < deadline, f"{len(self.got)} records in {SECONDS} s"
            self.poll(acknowledge)


def accept(consumer: ShareConsumer, message: Message) -> None:
    consumer.acknowledge(message, AcknowledgeType.ACCEPT)


@pytest.fixture
def consumers(group: str) -> Iterator[Callable[[str, str, int], Consumers]]:
    """Consumers of a topic, once the group has begun with its partitions."""
    with ExitStack() as at_end:

        def make(servers: str, topic: str, partitions: int) -> Consumers:
            made = Consumers(servers, group, topic)
            at_end.callback(made.at_end.close)
            made.add()
            port = int(servers.rpartition(":")[2])
            made.until(lambda: begun(port, group) == partitions, accept)
            return made

        yield make


def begun(port: int, group: str) -> int:
    """How many partitions the group has a start offset of."""
    with WireClient(port) as client:
        answer = client.call("describe_share_group_offsets", 1, {"groups": [{"group_id": group, "topics": None}]})
    return sum(len(topic.partitions) for topic in answer.groups[0].topics)


def lag(port: int, group: str) -> int:
    with WireClient(port) as client:
        answer = client.call("describe_share_group_offsets", 1, {"groups": [{"group_id": group, "topics": None}]})
    return sum(partition.lag for topic in answer.groups[0].topics for partition in topic.partitions)


def test_three_consumers_share_one_partition(
    shared_broker: Broker, consumers: Callable[[str, str, int], Consumers], group: str
) -> None:
    servers = shared_broker.bootstrap_servers
    topic = make_topic(servers, 1)
    shared = consumers(servers, topic, 1)
    shared.add()
    shared.add()
    produce(servers, topic, 0, RECORDS)
    shared.until(lambda: lag(shared_broker.port, group) == 0, accept)
    assert shared.got == Counter(range(RECORDS))


def test_released_records_come_again_and_rejected_ones_do_not(
    shared_broker: Broker, consumers: Callable[[str, str, int], Consumers], group: str
) -> None:
    servers = shared_broker.bootstrap_servers
    topic = make_topic(servers, 1)
    shared = consumers(servers, topic, 1)

    def judge(consumer: ShareConsumer, message: Message) -> None:
        number = int(message.value() or b"")
        kinds = [AcknowledgeType.ACCEPT, AcknowledgeType.RELEASE, AcknowledgeType.REJECT]
        consumer.acknowledge(message, kinds[number % 3])

    produce(servers, topic, 0, 30)
    shared.until(lambda: lag(shared_broker.port, group) == 0, judge)
    assert shared.got == Counter({number: 5 if number % 3 == 1 else 1 for number in range(30)})


def test_what_was_acknowledged_stays_so_through_a_kill(
    killable: Part, consumers: Callable[[str, str, int], Consumers], group: str
) -> None:
    port = killable.port
    servers = f"127.0.0.1:{port}"
    topic = make_topic(servers, 2)
    shared = consumers(servers, topic, 2)
    produce(servers, topic, 0, RECORDS)
    shared.until(lambda: lag(port, group) == 0, accept)
    assert shared.got == Counter(range(RECORDS))
    produce(servers, topic, RECORDS, RECORDS + 100)
    killable.kill()
    killable.start()
    produce(servers, topic, RECORDS + 100, RECORDS + 200)
    shared.until(lambda: len(shared.got) == RECORDS + 200 and lag(port, group) == 0, accept)
    assert all(shared.got[number] == 1 for number in range(RECORDS))


def test_nothing_that_was_committed_comes_again_however_often_the_broker_is_killed(
    killable: Part, consumers: Callable[[str, str, int], Consumers], group: str
) -> None:
    port = killable.port
    servers = f"127.0.0.1:{port}"
    topic = make_topic(servers, 1)
    shared = consumers(servers, topic, 1)
    committed: set[int] = set()
    again: set[int] = set()

    def commit(consumer: ShareConsumer, message: Message) -> None:
        number = int(message.value() or b"")
        if number in committed:
            again.add(number)
        accept(consumer, message)
        try:
            results = consumer.commit_sync(5)
        except KafkaException:
            return
        if results and all(error is None for error in results.values()):
            committed.add(number)

    for round_ in range(KILLS):
        produce(servers, topic, round_ * 30, round_ * 30 + 30)
        shared.until(lambda: len(shared.got) >= round_ * 30 + 10, commit)  # noqa: B023  # called in the same round
        killable.kill()
        killable.start()
    shared.until(lambda: len(shared.got) == KILLS * 30 and lag(port, group) == 0, commit)
    assert again == set()
    assert len(committed) >= KILLS * 10

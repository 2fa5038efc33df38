"""What two brokers are compared by: every record of a topic, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SECONDS = 60


class Stored(NamedTuple):
    partition: int
    offset: int
    timestamp: tuple[int, int]
    key: bytes | None
    value: bytes | None
    headers: tuple[object, ...]


def create(servers: str, topic: str, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    new = NewTopic(topic, partitions, 1, config=configs or {})
    admin.create_topics([new])[topic].result(SECONDS)


@contextmanager
def producer(servers: str, **settings: object) -> Iterator[Producer]:
    """All that it was given is acknowledged at the end of the block."""
    made = Producer({"bootstrap.servers": servers, "linger.ms": 2, "acks": "all", "log_level": 0, **settings})
    yield made
    assert made.flush(SECONDS) == 0


def records(servers: str, topic: str, *, isolation: str = "read_committed") -> list[Stored]:
    """Every record that a consumer is given, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "reader",
            "log_level": 0,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )
    partitions = consumer.list_topics(topic, SECONDS).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Stored] = []
    at_end: set[int | None] = set()
    while len(at_end) < len(partitions):
        message = consumer.poll(SECONDS)
        assert message is not None, f"{topic} ends nowhere"
        error = message.error()
        if error is not None:
            assert error.name() == "_PARTITION_EOF", error
            at_end.add(message.partition())
            continue
        found.append(
            Stored(
                message.partition() or 0,
                message.offset() or 0,
                message.timestamp(),
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
            )
        )
    consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def transact(servers: str, topic: str, *, abort: bool) -> None:
    """Two transactions; the second is aborted if so wanted."""
    made = Producer({"bootstrap.servers": servers, "transactional.id": topic, "log_level": 0})
    made.init_transactions(SECONDS)
    for number in range(2):
        made.begin_transaction()
        for record in range(20):
            made.produce(topic, b"%d in transaction %d" % (record, number))
        made.flush(SECONDS)
        if number == 1 and abort:
            made.abort_transaction(SECONDS)
        else:
            made.commit_transaction(SECONDS)

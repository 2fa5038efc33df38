"""librdkafka as a member of groups: made, closed, killed, polled until something holds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

SECONDS = 90.0
PARTITIONS = 4

MEMBER = """
import json, sys
from confluent_kafka import Consumer
consumer = Consumer(json.loads(sys.argv[1]))
consumer.subscribe([sys.argv[2]])
while (message := consumer.poll(1)) is None or message.error():
    pass
consumer.commit(asynchronous=False)
print(len(consumer.assignment()), flush=True)
while True:
    consumer.poll(1)
"""
"""It says how many partitions it has after its first commit."""


def filled_topic(servers: str, name: str | None = None) -> str:
    """A topic with one message in each partition."""
    name = name or f"topic-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(SECONDS)
    produce(servers, name, b"first")
    return name


def produce(servers: str, topic: str, value: bytes) -> None:
    """Into each partition."""
    producer = Producer({"bootstrap.servers": servers})
    for partition in range(PARTITIONS):
        producer.produce(topic, value, partition=partition)
    assert producer.flush(SECONDS) == 0


def settings_of(servers: str, group: str, **settings: object) -> dict[str, Any]:
    """They are written with underscores for dots."""
    return {
        "bootstrap.servers": servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **{name.replace("_", "."): value for name, value in settings.items()},
    }


@contextmanager
def members(settings: Callable[..., dict[str, Any]]) -> Iterator[Callable[..., Consumer]]:
    """Makes consumers of `settings`, given what is special to each, and closes them at the end."""
    made: list[Consumer] = []

    def make(**special: object) -> Consumer:
        made.append(Consumer(settings(**special)))
        return made[-1]

    yield make
    for each in made:
        try:
            each.close()
        except RuntimeError:
            continue  # the test has closed it


def run_and_kill(settings: dict[str, Any], topic: str) -> int:
    """kill -9 a consumer that has read something; returns how many partitions it had."""
    program = [sys.executable, "-c", MEMBER, json.dumps(settings), topic]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        had = int(process.stdout.readline())
        process.kill()
    return had


def until(condition: Callable[[], bool], *consumers: Consumer) -> None:
    """Poll the consumers in turn until the condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        for each in consumers:
            message = each.poll(0.05)
            assert message is None or message.error() is None, message and message.error()


def values(count: int, *consumers: Consumer, of: bytes) -> list[bytes]:
    """Poll the consumers in turn until they have read `of` so many times; all that they read."""
    found: list[bytes] = []
    deadline = time.monotonic() + SECONDS
    while found.count(of) < count:
        assert time.monotonic() < deadline
        for each in consumers:
            message = each.poll(0.1)
            if message is not None and message.error() is None:
                found.append(message.value() or b"")
    return found

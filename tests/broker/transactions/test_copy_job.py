"""A job that consumes, transforms and produces in transactions, killed and killed again, and so is its broker: the
output has every input exactly once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer, TopicPartition

from tests.broker.transactions.test_clients import SECONDS, consumer_of
from tests.support.processes import Part

SOURCE, TARGET, GROUP = "source", "target", "copiers"
A_TRANSACTION = 10
INPUTS_PER_KILL = 300

JOB = """
import json, sys
from confluent_kafka import Consumer, Producer
settings, source, target, size = json.loads(sys.argv[1])
consumer = Consumer(settings["consumer"])
producer = Producer(settings["producer"])
producer.init_transactions(30)
consumer.subscribe([source])
while True:
    messages = [message for message in consumer.consume(size, 0.5) if message.error() is None]
    if not messages:
        print("idle", flush=True)
        continue
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, b"copy of " + message.value())
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
    producer.commit_transaction(30)
    print(len(messages), flush=True)
"""
"""Whatever goes wrong ends it: it is started again, and finds its place by the offsets that it committed."""


@contextmanager
def job(servers: str) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end."""
    common = {"bootstrap.servers": servers, "reconnect.backoff.max.ms": 200}
    consumer = {
        **common,
        "group.id": GROUP,
        "group.instance.id": "the-only",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "session.timeout.ms": 45_000,
    }
    producer = {**common, "transactional.id": "copier", "transaction.timeout.ms": 10_000}
    arguments = json.dumps([{"consumer": consumer, "producer": producer}, SOURCE, TARGET, A_TRANSACTION])
    program = [sys.executable, "-c", JOB, arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield process
        process.kill()


def transactions(process: subprocess.Popen[str], count: int) -> None:
    """Wait until it has committed so many more, or is idle, or has ended."""
    assert process.stdout is not None
    for _ in range(count):
        process.stdout.readline()


def fill(servers: str, inputs: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": servers})
    for value in inputs:
        producer.produce(SOURCE, value, partition=0)
    assert producer.flush(SECONDS) == 0


def finish(servers: str, inputs: int) -> None:
    """Let the job run until it has committed all inputs."""
    watching = consumer_of(servers, GROUP)
    deadline = time.monotonic() + 2 * SECONDS
    while True:
        with job(servers) as process:
            while process.poll() is None:
                [found] = watching.committed([TopicPartition(SOURCE, 0)], SECONDS)
                if found.offset == inputs:
                    watching.close()
                    return
                assert time.monotonic() < deadline, f"the job has come to {found.offset} of {inputs}"
                watching.poll(0.1)


def copies(servers: str) -> list[bytes]:
    """All committed records of the target."""
    consumer = consumer_of(servers, "reader", enable_partition_eof=True)
    consumer.assign([TopicPartition(TARGET, 0, 0)])
    found: list[bytes] = []
    deadline = time.monotonic() + SECONDS
    while True:
        assert time.monotonic() < deadline, "the target does not end"
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error() is not None:
            consumer.close()
            return found
        found.append(message.value() or b"")


def test_a_copy_job_that_is_killed_copies_every_input_once(killable: Part, pytestconfig: pytest.Config) -> None:
    kills: int = pytestconfig.getoption("--kills")
    servers = killable.servers
    Producer({"bootstrap.servers": servers}).list_topics(TARGET, SECONDS)
    inputs = [b"%d" % number for number in range(INPUTS_PER_KILL * (2 * kills + 1))]
    fill(servers, inputs)
    for number in range(kills):
        with job(servers) as process:
            transactions(process, 1 + number % 3)
        with job(servers) as process:
            transactions(process, 1 + number % 2)
            killable.kill()
            killable.start()
    finish(servers, len(inputs))
    assert copies(servers) == [b"copy of " + value for value in inputs]

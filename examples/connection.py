"""What the five programs share: `--bootstrap`, one clear line when no broker answers, topics made on first use."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ.get("LOGPOST_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
SECONDS = 5.0


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser whose `--help` is the program's own docstring."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default=BOOTSTRAP, metavar="HOST:PORT", help=f"default: {BOOTSTRAP}")
    return parser


def connect(bootstrap: str) -> AdminClient:
    """A client that has heard from the broker. Ends the program when there is none."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        admin.list_topics(timeout=SECONDS)
    except KafkaException:
        sys.exit(f"no Kafka answers at {bootstrap}: start one with `make up`, or name yours with --bootstrap")
    return admin


def ensure_topic(admin: AdminClient, name: str, partitions: int = 1, **settings: str) -> None:
    """Create the topic if it is missing. `settings`: those of the topic, with `_` for `.`."""
    topic = NewTopic(name, partitions, -1, config={key.replace("_", "."): value for key, value in settings.items()})
    [created] = admin.create_topics([topic]).values()
    try:
        created.result(SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def everything(bootstrap: str, topic: str, partition: int = 0) -> Iterator[Message]:
    """All committed messages of a partition, from the first to the last."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "unused",  # must be given; nothing is committed
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,  # the end is told that soon
        }
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    try:
        while True:
            message = consumer.poll(SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise KafkaException(error)
    finally:
        consumer.close()


def ctrl_c() -> threading.Event:
    """Set by Ctrl-C, for programs that go on until then. (As an exception it could come in the middle of anything.)"""
    pressed = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    return pressed

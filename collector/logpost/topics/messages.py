"""`logpost topics produce` and `consume`: messages in and out, one a line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from logpost.config import KafkaConfig
from logpost.controls import visible
from logpost.kafka import MAX_MESSAGE_BYTES
from logpost.topics.session import KafkaCommandError, Session, topic_metadata

POLL_SECONDS = 0.2
DELIVERY_MS = 30_000
BATCH = 500
FETCH_WAIT_MS = 50
"""The end of a partition is told that soon."""

DeliveryCallback = Callable[[KafkaError | None, Message], None]


def produce(parsed: argparse.Namespace, config: KafkaConfig) -> int:
    """Raises KafkaCommandError when a message was not delivered; those before it may have been."""
    session = Session(config)
    with session.admin():
        pass  # no broker: said at once, and not when the first message has waited
    given = [os.fsencode(message) for message in parsed.messages]  # the bytes as they were typed
    lines = given or (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
    try:
        delivered = _deliver(session, parsed.topic, None if parsed.key is None else os.fsencode(parsed.key), lines)
    except SystemError as error:  # Ctrl-C in a delivery callback: confluent-kafka 2.16 loses the KeyboardInterrupt
        raise KeyboardInterrupt from error
    sys.stdout.write(f"delivered {delivered} message{'' if delivered == 1 else 's'} to {parsed.topic}\n")
    return 0


def _deliver(session: Session, topic: str, key: bytes | None, values: Iterable[bytes]) -> int:
    """How many were delivered: all. Raises KafkaCommandError."""
    failures: list[KafkaError] = []
    delivered = 0

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        nonlocal delivered
        if error is None:
            delivered += 1
        else:
            failures.append(error)

    # What is too large is the broker's to say: topics differ.
    options = {"enable.idempotence": True, "message.timeout.ms": DELIVERY_MS, "message.max.bytes": MAX_MESSAGE_BYTES}
    producer = Producer({**session.settings, **options})
    for value in values:
        try:
            _put(producer, topic, key, value, on_delivery)
        except KafkaException as error:
            failures.append(error.args[0])
        if failures:
            break
    producer.flush()  # ends: each message is delivered or given up within DELIVERY_MS
    if failures:
        raise KafkaCommandError(f"{topic}: {session.error(failures[0])} (delivered before: {delivered})")
    return delivered


def _put(producer: Producer, topic: str, key: bytes | None, value: bytes, on_delivery: DeliveryCallback) -> None:
    while True:
        producer.poll(0)
        try:
            producer.produce(topic, value, key, on_delivery=on_delivery)
            return
        except BufferError:  # librdkafka keeps no more: it waits for the broker
            producer.poll(POLL_SECONDS)


def consume(parsed: argparse.Namespace, config: KafkaConfig) -> int:
    session = Session(config)
    with session.admin() as admin:
        partitions = topic_metadata(admin, parsed.topic).partitions
    start = OFFSET_END if parsed.new else OFFSET_BEGINNING
    options = {
        "group.id": "logpost-topics",  # required, and never used: nothing is committed
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
    }
    consumer = Consumer({**session.settings, **options})
    try:
        consumer.assign([TopicPartition(parsed.topic, partition, start) for partition in partitions])
        forever = parsed.follow or parsed.new
        for message in _messages(session, consumer, None if forever else set(partitions), parsed.limit):
            sys.stdout.buffer.write(_as_json(message) if parsed.json else _as_line(message))
    finally:
        consumer.close()
    return 0


def _messages(
    session: Session, consumer: Consumer, unfinished: set[int] | None, limit: int | None
) -> Iterator[Message]:
    """Messages until each partition of `unfinished` was at its end (None: for ever), `limit` at most."""
    while unfinished is None or unfinished:
        batch = consumer.consume(min(BATCH, limit or BATCH), POLL_SECONDS)
        for message in batch:
            error = message.error()
            if error is None:
                yield message
                limit = None if limit is None else limit - 1
                if limit == 0:
                    return
            elif error.code() != KafkaError._PARTITION_EOF:
                raise session.error(error)
            elif unfinished is not None:
                unfinished.discard(message.partition())
        if batch:
            sys.stdout.flush()


def _as_json(message: Message) -> bytes:
    value, key = message.value(), message.key()
    described = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "key": None if key is None else _text(key),
        "value": None if value is None else _text(value),
        "headers": {
            name: None if held is None else _text(held) for name, held in dict(message.headers() or ()).items()
        },
    }
    return json.dumps(described, ensure_ascii=False).encode() + b"\n"


def _as_line(message: Message) -> bytes:
    value = message.value() or b""
    if sys.stdout.isatty():  # a message must not steer the terminal
        value = visible(_text(value)).encode()
    return value + b"\n"


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode(errors="backslashreplace")

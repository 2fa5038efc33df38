"""The identity of the store's member of the group, and what it asks."""

import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from logpost.config import Config, KafkaConfig
from logpost_broker import Broker
from logpost_web.indexer.source import FencedError, Source


def identity(directory: Path) -> str:
    Source(Config(), directory, lambda _: None).close()
    return (directory / "group-instance-id").read_text()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", bytes(44), b"two words"])
def test_an_identity_that_was_damaged_is_made_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "group-instance-id").write_bytes(content)
    made = identity(tmp_path)
    assert made.startswith("indexer-")
    assert identity(tmp_path) == made


def test_a_long_wait_ends_with_the_first_message(tmp_path: Path, broker: Broker) -> None:
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
    mine = Source(config, tmp_path, lambda keys: dict.fromkeys(keys, 0))
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    try:
        mine.subscribe()
        while len(mine.ends) < config.kafka.partitions:
            mine.consume(1, 0.1)
        started = time.monotonic()
        threading.Timer(0.5, producer.produce, ("logs", b"a line")).start()
        found: list[bytes | None] = []
        while not found:
            found += [value for stretch in mine.consume(100, 0.1, 300.0) for value in stretch.values]
        assert found == [b"a line"]
        assert time.monotonic() - started < 120
    finally:
        mine.close()


def test_another_with_its_identity_is_noticed_whatever_comes_with_the_news(tmp_path: Path, broker: Broker) -> None:
    """Such as other partitions, of a broker that was put back with older groups: the indexer would wait for ever."""
    servers = broker.bootstrap_servers
    identity_of_both = {"group.id": "logpost-indexer", "group.instance.id": identity(tmp_path)}
    mine = Source(Config(kafka=KafkaConfig(bootstrap_servers=servers)), tmp_path, lambda keys: dict.fromkeys(keys, 0))
    other = Consumer({"bootstrap.servers": servers, **identity_of_both})
    try:
        mine.subscribe()
        while not mine.assigned:
            mine.consume(1, 0.1)
        other.subscribe(["logs"])
        while not other.assignment():
            other.poll(0.1)
        with pytest.raises(FencedError):
            while True:
                time.sleep(4)  # longer than from one heartbeat to the next; what they tell is told by `consume` alone
                mine.look_again()
                mine.consume(100, 1.0)
    finally:
        mine.close()
        other.close()

"""`logpost broker` as a process: start, stop, kill -9, and everything that must keep it from starting."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from tests.broker.wire_client import WireClient
from tests.support.processes import Part, free_port, run

MESSAGES = 20_000
KILLS = 3


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Part]:
    part = Part(
        "broker", "--data", str(tmp_path), settings={"broker.port": free_port(), "broker.metrics_port": free_port()}
    )
    with part:
        yield part


def port_of(part: Part) -> int:
    return int(part.environment["LOGPOST_BROKER_PORT"])


def bootstrap(part: Part) -> str:
    return f"localhost:{port_of(part)}"


def values(bootstrap_servers: str, topic: str) -> list[bytes]:
    """Everything in a topic of one partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "none", "enable.auto.commit": False})
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []
    while len(found) < end:
        for message in consumer.consume(end - len(found), timeout=60):
            assert message.error() is None, message.error()
            assert message.offset() == len(found)
            found.append(message.value() or b"")
    consumer.close()
    return found


def test_it_says_ready_with_its_addresses_and_ends_with_0(process: Part) -> None:
    assert f"127.0.0.1 port {port_of(process)}" in process.await_line("ready")
    assert process.stop() == 0
    assert "stopped" in process.lines[-2]


def test_metrics_are_served(process: Part) -> None:
    Producer({"bootstrap.servers": bootstrap(process)}).list_topics(timeout=60)
    port = int(process.environment["LOGPOST_BROKER_METRICS_PORT"])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as scrape:
        scrape.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: scrape.recv(65536), b"")).decode()
    assert 'logpost_broker_requests_total{api="metadata"}' in text
    assert "logpost_broker_produced_bytes_total 0.0" in text


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(process: Part) -> None:
    acknowledged: list[int] = []
    enough = [threading.Event() for _ in range(KILLS)]

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        acknowledged.append(int(message.value() or b""))
        for number, event in enumerate(enough):
            if len(acknowledged) > MESSAGES * (number + 1) // (KILLS + 1):
                event.set()

    producer = Producer(
        {
            "bootstrap.servers": bootstrap(process),
            "enable.idempotence": True,
            "linger.ms": 1,
            "batch.num.messages": 50,
            "log_level": 0,
            "reconnect.backoff.max.ms": 200,
        }
    )

    def kill_again_and_again() -> None:
        for event in enough:
            assert event.wait(240)
            process.kill()
            process.start()

    killer = threading.Thread(target=kill_again_and_again)
    killer.start()
    for number in range(MESSAGES):
        producer.produce("kept", b"%d" % number, on_delivery=delivered)
        producer.poll(0.0005 if number % 50 == 0 else 0)
    assert producer.flush(240) == 0
    killer.join()
    assert len(acknowledged) == MESSAGES
    assert values(bootstrap(process), "kept") == [b"%d" % number for number in range(MESSAGES)]


def test_a_producer_id_is_never_given_twice(process: Part) -> None:
    given = []
    for _ in range(3):
        with WireClient(port_of(process)) as client:
            given += [client.call("init_producer_id", 4, {}).producer_id for _ in range(2)]
        process.kill()
        process.start()
    assert len(set(given)) == 6


def test_topics_and_records_outlive_a_clean_restart(process: Part) -> None:
    producer = Producer({"bootstrap.servers": bootstrap(process), "acks": "1"})
    for number in range(100):
        producer.produce("kept", b"%d" % number)
    assert producer.flush(240) == 0
    assert process.stop() == 0
    process.start()
    assert values(bootstrap(process), "kept") == [b"%d" % number for number in range(100)]


def refusal(data: Path, **settings: object) -> str:
    """What `logpost broker` says when it cannot start."""
    environment = {"LOGPOST_BROKER_PORT": "0", "LOGPOST_BROKER_METRICS_PORT": "0"}
    environment |= {f"LOGPOST_BROKER_{name.upper()}": str(value) for name, value in settings.items()}
    ended = run("broker", "--data", str(data), environment=environment)
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


def test_a_second_broker_on_the_same_data_is_refused(process: Part, tmp_path: Path) -> None:
    assert "is in use by process" in refusal(tmp_path)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use (broker.port)" in refusal(tmp_path, port=port)
        assert f"port {port}: Address already in use (broker.metrics_port)" in refusal(tmp_path, metrics_port=port)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "broker").touch()
    assert f"cannot write the data directory {tmp_path / 'broker'}" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert f"cannot write the data directory {tmp_path / 'broker'}" in refusal(tmp_path)


def test_metadata_that_cannot_be_understood_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    metadata = tmp_path / "broker" / "metadata.json"
    metadata.write_text('{"version":1,"surprise":true}')
    assert f"cannot understand {metadata}" in refusal(tmp_path)
    assert metadata.read_text() == '{"version":1,"surprise":true}'


def test_metadata_of_a_newer_release_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    metadata = tmp_path / "broker" / "metadata.json"
    metadata.write_text('{"version":2,"shape":{"unlike":"ours"},"crc32c":17}')
    said = refusal(tmp_path)
    assert f"{metadata} has version 2, this logpost knows 1: start the release that wrote it" in said
    assert "copy" not in said


def test_an_open_address_is_refused(tmp_path: Path) -> None:
    assert "broker.insecure = true" in refusal(tmp_path, listen="0.0.0.0")

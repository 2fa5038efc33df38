"""What a connection does with whatever comes over it."""

from __future__ import annotations

import datetime
import logging
import os
import random
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost_broker.broker import EMBEDDED, Broker
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import create, produce_values
from tests.broker.wire_client import WireClient

PIPELINED = 300


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[WireClient]:
    with WireClient(shared_broker.port) as connected:
        yield connected


def is_closed_by_the_broker(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7f\xff\xff\xff", "a frame of 2147483647 bytes"),
        (b"\xff\xff\xff\xff", "a frame of -1 bytes"),
        (b"\0\0\0\0", "a frame of 0 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n", "a frame of 1195725856 bytes"),
        (b"\0\0\0\2ab", "a request of 2 bytes"),
        (b"\0\0\0\x0a\0\x63\0\0\0\0\0\1\0\0", "API 99, which this broker has not"),
        (b"\0\0\0\x0a\0\0\0\0\0\0\0\1\0\0", "a produce request of version 0"),
        (b"\0\0\0\x0a\0\3\0\0\0\0\0\1\x7f\xff", "a client id that ends outside its request"),
        (b"\0\0\0\x0a\0\3\0\0\0\0\0\1\0\0", "a malformed metadata v0 request"),
        (b"\0\0\0\x14\0\x12\0\3\0\0\0\1\xff\xff" + b"\xff" * 10, "a malformed request header"),
        (b"\0\0\0\x0c\0\x12\0\3\0\0\0\1\xff\xff\1\1", "a malformed request header"),
    ],
)
def test_what_is_no_request_closes_its_connection_alone(
    client: WireClient, shared_broker: Broker, caplog: pytest.LogCaptureFixture, data: bytes, reason: str
) -> None:
    with (
        caplog.at_level(logging.DEBUG, "broker"),
        socket.create_connection(("127.0.0.1", shared_broker.port), timeout=60) as peer,
    ):
        port = peer.getsockname()[1]
        peer.sendall(data)
        assert is_closed_by_the_broker(peer)
    [line] = [line for line in caplog.messages if f"127.0.0.1 port {port}" in line]
    assert reason in line
    assert client.call("api_versions", 0, {}).api_keys


def test_random_bytes_close_their_connection_alone(client: WireClient, shared_broker: Broker) -> None:
    generator = random.Random(3)
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", shared_broker.port), timeout=60) as peer:
            frame = generator.randbytes(generator.randrange(1, 200))
            api = generator.choice([0, 1, 2, 3, 18, 19, 20, 22]).to_bytes(2, "big")
            peer.sendall(len(frame).to_bytes(4, "big") + api + b"\0" + frame)
    assert client.call("api_versions", 0, {}).api_keys


def test_a_frame_in_small_pieces_is_put_together(client: WireClient) -> None:
    frame = b"\0\x12\0\0\0\0\0\1\0\0"
    for byte in len(frame).to_bytes(4, "big") + frame:
        client.socket.sendall(bytes([byte]))
    assert client.receive_frame().startswith(b"\0\0\0\1\0\0")


def test_a_large_frame_is_taken_whole(client: WireClient) -> None:
    topic = f"large-{uuid.uuid4().hex}"
    client.call("metadata", 4, {"topics": [{"name": topic}], "allow_auto_topic_creation": True})
    batch = build_batch([(None, b"x" * 900_000)], 1)
    data = {"acks": -1, "topic_data": [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]}
    assert [client.call("produce", 9, data).responses[0].partition_responses[0].base_offset for _ in range(3)] == [
        0,
        1,
        2,
    ]


def test_answers_keep_the_order_of_requests_of_all_kinds(client: WireClient) -> None:
    """The fetch waits, and the produce behind it is what it waits for."""
    topic = f"ordered-{uuid.uuid4().hex}"
    client.call("metadata", 4, {"topics": [{"name": topic}], "allow_auto_topic_creation": True})
    wanted = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]
    batch = build_batch([(None, b"v")], 1)
    topics = [{"topic": topic, "partitions": wanted}]
    client.send("fetch", 11, {"max_wait": datetime.timedelta(seconds=20), "min_bytes": 1, "topics": topics})
    for acks in (-1, 1):
        client.send(
            "produce",
            8,
            {"acks": acks, "topic_data": [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]},
        )
    client.send("api_versions", 0, {})
    assert client.receive().responses[0].partitions[0].records
    assert [client.receive().responses[0].partition_responses[0].base_offset for _ in range(2)] == [0, 1]
    assert client.receive().api_keys


def test_a_client_that_does_not_read_its_answers_is_not_read_further(client: WireClient, shared_broker: Broker) -> None:
    """Its requests wait in its own socket; when it reads, it gets all answers, in order."""

    def send_all() -> None:
        for _ in range(PIPELINED):
            client.send("metadata", 1, {"topics": None})

    sender = threading.Thread(target=send_all)
    sender.start()
    with WireClient(shared_broker.port) as other:
        assert other.call("api_versions", 0, {}).api_keys
    sender.join()
    assert all(client.receive().brokers for _ in range(PIPELINED))


def resident_bytes() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_client_that_reads_slowly_costs_one_answer_however_much_it_asks_for(shared_broker: Broker) -> None:
    """Behind a fetch that waits it asks for 400 MB, and reads none of the answers."""
    topic = f"slow-{uuid.uuid4().hex}"
    batch = build_batch([(None, os.urandom(1_000_000))], 1)
    data = {"acks": -1, "topic_data": [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]}
    wanted = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 8_500_000}]
    asked = {"max_bytes": 8_500_000, "min_bytes": 1, "topics": [{"topic": topic, "partitions": wanted}]}
    with WireClient(shared_broker.port) as client, WireClient(shared_broker.port) as other:
        other.call("metadata", 4, {"topics": [{"name": topic}], "allow_auto_topic_creation": True})
        for _ in range(8):
            other.call("produce", 8, data)
        waits = {"partition": 0, "fetch_offset": 8, "partition_max_bytes": 1000}
        hour = datetime.timedelta(hours=1)
        before = resident_bytes()
        client.send("fetch", 11, asked | {"max_wait": hour, "topics": [{"topic": topic, "partitions": [waits]}]})
        for _ in range(50):
            client.send("fetch", 11, asked)
        for _ in range(10):
            other.call("api_versions", 0, {})
        assert resident_bytes() - before < 80_000_000
        other.call("produce", 8, data)
        assert client.receive().responses[0].partitions[0].records
        assert all(len(client.receive().responses[0].partitions[0].records) > 8_000_000 for _ in range(50))


def test_a_frame_above_the_limit_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    config = BrokerConfig(port=0, metrics_port=0, max_request_bytes=1000)
    with Broker(config) as broker, socket.create_connection(("127.0.0.1", broker.port), timeout=60) as peer:
        peer.sendall((1001).to_bytes(4, "big"))
        assert is_closed_by_the_broker(peer)
    assert "a frame of 1001 bytes (1 to 1000 are taken)" in caplog.text


def idle_after(milliseconds: int) -> BrokerConfig:
    return BrokerConfig(port=0, metrics_port=0, connections_max_idle_ms=milliseconds)


def test_a_connection_that_nobody_uses_is_closed() -> None:
    with Broker(idle_after(100)) as broker, socket.create_connection(("127.0.0.1", broker.port), timeout=60) as peer:
        assert is_closed_by_the_broker(peer)


def test_who_waits_for_an_answer_is_not_idle() -> None:
    with Broker(idle_after(1000)) as broker, WireClient(broker.port) as client:
        client.call("metadata", 4, {"topics": [{"name": "t"}], "allow_auto_topic_creation": True})
        topics = [{"topic": "t", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]}]
        asked = {"max_wait": datetime.timedelta(seconds=3), "min_bytes": 1, "topics": topics}
        assert client.call("fetch", 11, asked).responses[0].partitions[0].records == b""


def test_who_does_not_read_its_answers_is_closed() -> None:
    with Broker(idle_after(1000)) as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "producer"})
        produce_values(client, "t", b"." * 1_000_000)
        partitions = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]
        for _ in range(20):
            client.send("fetch", 11, {"max_bytes": 1 << 20, "topics": [{"topic": "t", "partitions": partitions}]})
        request = b"\0\0\0\x0a\0\x12\0\0\0\0\0\1\xff\xff" * 1000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:
                client.socket.sendall(request)


def test_open_requests_are_answered_before_the_broker_stops() -> None:
    broker = Broker(EMBEDDED).start()
    with WireClient(broker.port) as client:
        client.call("metadata", 4, {"topics": [{"name": "t"}], "allow_auto_topic_creation": True})
        wanted = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]
        topics = [{"topic": "t", "partitions": wanted}]
        client.send("fetch", 11, {"max_wait": datetime.timedelta(seconds=60), "min_bytes": 1, "topics": topics})
        client.send("api_versions", 0, {})
        stopping = threading.Thread(target=broker.stop)
        stopping.start()
        assert client.receive().responses[0].partitions[0].records == b""
        stopping.join(60)
        assert not stopping.is_alive()

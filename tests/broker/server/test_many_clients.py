"""What one client may cost the others: their turn, the broker's memory, its descriptors. Judged by who is served before
whom, not by the clock."""

from __future__ import annotations

import datetime
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import zstandard
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.api.metadata import TOPICS_ON_FIRST_USE
from logpost_broker.broker import EMBEDDED
from logpost_broker.log import time_lookup
from logpost_broker.log.batch import HEADER_BYTES, LENGTH_PREFIX_BYTES
from logpost_broker.log.compression import ZSTD
from logpost_broker.log.records import build_batch
from logpost_broker.log.time_lookup import RECORDS_A_TURN
from tests.broker.api.conftest import produce, produce_values
from tests.broker.api.test_share_groups import Member
from tests.broker.log.logs import changed
from tests.broker.wire_client import WireClient

API_VERSIONS = b"\0\0\0\x0a\0\x12\0\0\0\0\0\1\xff\xff"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(EMBEDDED) as running:
        yield running


def is_readable(connection: socket.socket) -> bool:
    poll = select.poll()  # unlike select, it takes descriptors above 1,024
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def has_answers(client: WireClient) -> bool:
    return is_readable(client.socket)


def test_who_sends_many_requests_takes_turns_with_the_others(broker: Broker) -> None:
    with WireClient(broker.port) as busy, WireClient(broker.port) as other:
        other.call("api_versions", 0, {})
        busy.socket.sendall(API_VERSIONS * 4_000)
        answers = 0
        for _ in range(5):
            assert other.call("api_versions", 0, {}).api_keys
            while has_answers(busy):
                busy.receive_frame()
                answers += 1
        assert answers < 4_000, "all requests of the busy client came first"
        for _ in range(4_000 - answers):
            busy.receive_frame()


def test_a_request_makes_a_thousand_topics_on_first_use(broker: Broker) -> None:
    names = [f"{uuid.uuid4().hex}-{number}" for number in range(TOPICS_ON_FIRST_USE + 50)]
    asked = {"topics": [{"name": name} for name in names], "allow_auto_topic_creation": True}
    with WireClient(broker.port) as client:
        for left in (names[-50:], []):  # asked again, it makes the rest
            topics = client.call("metadata", 4, asked).topics
            assert [topic.name for topic in topics] == names
            refused = {topic.name: topic.error_code for topic in topics if topic.error_code is not ErrorCode.none}
            assert refused == dict.fromkeys(left, ErrorCode.unknown_topic_or_partition)


def test_large_answers_that_are_asked_for_ahead_come_whole(broker: Broker) -> None:
    with WireClient(broker.port) as busy:
        made = [{"name": "wide", "num_partitions": 10_000, "replication_factor": 1}]
        busy.call("create_topics", 7, {"topics": made, "timeout": datetime.timedelta(seconds=60)})
        for _ in range(3):
            busy.send("metadata", 4, {"topics": None})
        for _ in range(3):
            assert sum(len(topic.partitions) for topic in busy.receive().topics) == 10_000


DENSE_RECORDS = 100_000


def dense_batch(now_ms: int) -> bytes:
    """A few kilobytes that hold so many records of five seconds ago, and say that one is of the next half hour."""
    plain = build_batch([(b"", None)] * DENSE_RECORDS, now_ms - 5000)
    records = zstandard.ZstdCompressor().compress(plain[HEADER_BYTES:])
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records)
    newest_ms = now_ms + 1_800_000
    return changed(plain[:HEADER_BYTES] + records, attributes=ZSTD, batch_length=length, max_timestamp=newest_ms)


@pytest.fixture
def gave_way(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often others could go on while records were opened for their times, and whether that was in a thread."""
    counted: Counter[str] = Counter()

    def count() -> None:
        counted["in the loop" if threading.current_thread().name == "broker" else "beside the loop"] += 1

    monkeypatch.setattr(time_lookup, "give_way", count)
    return counted


def test_a_lookup_decodes_records_beside_the_others(broker: Broker, gave_way: Counter[str]) -> None:
    now_ms = time.time_ns() // 1_000_000
    with WireClient(broker.port) as busy:
        busy.call("metadata", 4, {"topics": [{"name": "looked"}], "allow_auto_topic_creation": True})
        assert produce(busy, "looked", dense_batch(now_ms)).base_offset == 0
        asked = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": now_ms - 1000}
        busy.send("list_offsets", 4, {"replica_id": -1, "topics": [{"name": "looked", "partitions": [asked]}]})
        assert busy.receive().topics[0].partitions[0].offset == -1
    assert gave_way == {"beside the loop": DENSE_RECORDS // RECORDS_A_TURN}


def test_a_share_group_looks_beside_the_others_where_it_begins(broker: Broker, gave_way: Counter[str]) -> None:
    now_ms = time.time_ns() // 1_000_000
    with WireClient(broker.port) as busy, WireClient(broker.port) as other:
        busy.call("metadata", 4, {"topics": [{"name": "shared"}], "allow_auto_topic_creation": True})
        assert produce(busy, "shared", dense_batch(now_ms)).base_offset == 0
        reset = {"name": "share.auto.offset.reset", "config_operation": 0, "value": "by_duration:PT2S"}
        group = {"resource_type": 32, "resource_name": "sharers", "configs": [reset]}
        [altered] = busy.call("incremental_alter_configs", 1, {"resources": [group]}).responses
        assert altered.error_code is ErrorCode.none
        member = Member(busy, "sharers", "shared")
        member.join()
        partition = {"partition_index": 0, "acknowledgement_batches": []}
        asked = {
            "group_id": member.group,
            "member_id": member.id,
            "share_session_epoch": 0,
            "max_bytes": 1_000_000,
            "max_records": 10,
            "topics": [{"topic_id": member.topic_id, "partitions": [partition]}],
        }
        busy.send("share_fetch", 2, asked)
        [begun] = busy.receive().responses[0].partitions
        assert (begun.error_code, begun.acquired_records) == (ErrorCode.none, ())  # no record is young enough
        assert produce_values(other, "shared", b"young", timestamp_ms=now_ms) == DENSE_RECORDS
        member.session_epoch = 1
        assert member.acquire() == [(DENSE_RECORDS, DENSE_RECORDS, 1)]
    assert gave_way == {"beside the loop": DENSE_RECORDS // RECORDS_A_TURN}


def test_a_large_request_takes_effect_before_those_behind_it(broker: Broker) -> None:
    """A thread reads it, and no request overtakes it meanwhile."""
    names = [f"{uuid.uuid4().hex}-{number}" for number in range(5_000)]
    with WireClient(broker.port) as client:
        client.send("delete_topics", 5, {"topic_names": tuple(names), "timeout": datetime.timedelta(seconds=60)})
        client.send("metadata", 4, {"topics": [{"name": "behind"}], "allow_auto_topic_creation": True})
        client.send("create_topics", 7, {"topics": [{"name": names[0], "num_partitions": 1, "replication_factor": 1}]})
        assert len(client.receive().responses) == 5_000
        assert client.receive().topics[0].name == "behind"
        assert client.receive().topics[0].error_code == 0


def test_a_large_request_that_is_malformed_closes_its_connection_alone(broker: Broker) -> None:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as peer, WireClient(broker.port) as other:
        body = b"\0\3\0\4\0\0\0\1\xff\xff" + (100_001).to_bytes(4, "big") + b"\0\1a" * 100_001 + b"\0"
        peer.sendall(len(body).to_bytes(4, "big") + body)
        assert peer.recv(1) == b""
        assert other.call("api_versions", 0, {}).api_keys


def test_unfinished_requests_have_one_limit_and_the_oldest_goes() -> None:
    config = BrokerConfig(port=0, metrics_port=0, queued_max_request_bytes=4_000_000)
    with Broker(config) as broker, WireClient(broker.port) as other:
        other.call("metadata", 4, {"topics": [{"name": "t"}], "allow_auto_topic_creation": True})
        peers = [socket.create_connection(("127.0.0.1", broker.port), timeout=60) for _ in range(6)]
        for peer in peers:
            peer.sendall((50_000_000).to_bytes(4, "big") + bytes(900_000))
            assert produce_values(other, "t", b"v") >= 0  # what was sent is read by now
        assert peers[0].recv(1) == b""
        assert not is_readable(peers[-1])
        batch = build_batch([(None, os.urandom(900_000))], 1)
        assert produce(other, "t", batch).base_offset == 6
        for peer in peers:
            peer.close()


def test_connections_above_the_limit_are_refused_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with Broker(BrokerConfig(port=0, metrics_port=0, max_connections=3)) as broker, WireClient(broker.port) as first:
        first.call("metadata", 4, {"topics": [{"name": "t"}], "allow_auto_topic_creation": True})
        more = [socket.create_connection(("127.0.0.1", broker.port), timeout=60) for _ in range(10)]
        refused = [peer for peer in more if is_closed(peer)]
        assert len(refused) == 8
        assert produce_values(first, "t", b"v") == 0
        for peer in more:
            peer.close()
        is_refused = True
        while is_refused:  # until the broker knows that the others are gone
            with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as peer:
                is_refused = is_closed(peer)
    assert len([line for line in caplog.messages if "broker.max_connections" in line]) == 1


def is_closed(peer: socket.socket) -> bool:
    peer.sendall(API_VERSIONS)
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


STORM = """
import socket, sys
taken = []
while True:
    try:
        taken.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1))
    except OSError:
        sys.exit()
    if len(taken) > 200:
        taken.clear()
"""


def test_a_broker_stops_in_order_while_clients_connect(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = {
        **os.environ,
        "LOGPOST_BROKER_PORT": "0",
        "LOGPOST_BROKER_METRICS_PORT": "0",
        "LOGPOST_DATA": str(tmp_path_factory.mktemp("storm")),
    }
    command = [sys.executable, "-m", "logpost", "broker"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        ready = next(line for line in running.stderr if " ready on " in line)
        [port] = re.findall(r"127\.0\.0\.1 port (\d+)", ready)
        with subprocess.Popen([sys.executable, "-c", STORM, port]) as storm:
            with WireClient(int(port)) as client:
                client.call("api_versions", 0, {})
            running.send_signal(signal.SIGTERM)
            rest = running.stderr.read()
            assert running.wait(60) == 0, rest
            assert "stopped" in rest
            storm.kill()

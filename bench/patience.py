"""How long one client makes the others wait, and what it costs the broker in memory.

    python -m bench.patience [--rows 'lookup|metadata']

Each row has a broker of its own, in a process of its own. One client asks for what is costly; meanwhile another asks
for the versions of the APIs, again and again, and the longest that it waits is what counts.
"""

from __future__ import annotations

import argparse
import datetime
import random
import re
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zstandard

from bench.brokers import Logpost
from bench.long_requests import LONG
from bench.usage import usage_of
from bench.wide_requests import WIDE
from logpost_broker.log.batch import HEADER_BYTES, LENGTH_PREFIX_BYTES
from logpost_broker.log.compression import ZSTD
from logpost_broker.log.records import build_batch, varint
from tests.broker.log.logs import changed
from tests.broker.wire_client import WireClient

API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
MINUTE = datetime.timedelta(minutes=1)
PAUSE_SECONDS = 0.01


class Other:
    """The client that has little to ask."""

    def __init__(self, port: int) -> None:
        self.longest = 0.0
        self._port = port
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Other:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        with WireClient(self._port) as client:
            while not self._is_over.wait(PAUSE_SECONDS):
                begin = time.perf_counter()
                client.call("api_versions", 0, {})
                self.longest = max(self.longest, time.perf_counter() - begin)


def topics(client: WireClient, names: list[str], partitions: int = 1) -> None:
    made = [{"name": name, "num_partitions": partitions, "replication_factor": 1} for name in names]
    client.call("create_topics", 7, {"topics": made, "timeout": MINUTE})


def pipelined(client: WireClient) -> Callable[[], None]:
    def ask() -> None:
        client.socket.sendall(API_VERSIONS * 4_000)
        for _ in range(4_000):
            client.receive_frame()

    return ask


def auto_creation(client: WireClient) -> Callable[[], None]:
    wanted = [{"name": f"first-use-{number}"} for number in range(2_000)]
    return lambda: client.call("metadata", 4, {"topics": wanted, "allow_auto_topic_creation": True}) and None


def creation(client: WireClient) -> Callable[[], None]:
    return lambda: topics(client, [f"made-{number}" for number in range(2_000)])


def wide_metadata(client: WireClient) -> Callable[[], None]:
    topics(client, [f"wide-{number}" for number in range(10)], 10_000)

    def ask() -> None:
        for _ in range(20):
            client.send("metadata", 4, {"topics": None})
        for _ in range(20):
            client.receive_frame()

    return ask


def lookup(client: WireClient) -> Callable[[], None]:
    topics(client, ["looked"])
    now_ms = time.time_ns() // 1_000_000
    plain = build_batch([(b"", None)] * 1_000_000, now_ms - 5_000)
    records = zstandard.ZstdCompressor().compress(plain[HEADER_BYTES:])
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records)
    batch = changed(plain[:HEADER_BYTES] + records, attributes=ZSTD, batch_length=length, max_timestamp=now_ms)
    data = [{"name": "looked", "partition_data": [{"index": 0, "records": batch}]}]
    client.call("produce", 7, {"acks": -1, "timeout": MINUTE, "topic_data": data})
    asked = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": now_ms - 1_000}
    return lambda: client.call(
        "list_offsets", 4, {"replica_id": -1, "topics": [{"name": "looked", "partitions": [asked]}]}
    )


def packed(records: bytes, **fields: int) -> bytes:
    """A batch of one record, as `records` has it, compressed."""
    packed = zstandard.ZstdCompressor().compress(records)
    plain = build_batch([(b"", None)], 0)[:HEADER_BYTES]
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(packed)
    return changed(plain + packed, attributes=ZSTD, batch_length=length, **fields)


def many_headers(client: WireClient) -> Callable[[], None]:
    topics(client, ["headers"])
    count = 30_000_000
    inside = b"\0\0\0\1\1" + varint(count) + b"\0\1" * count
    batch = packed(varint(len(inside)) + inside)
    data = [{"name": "headers", "partition_data": [{"index": 0, "records": batch}]}]
    return lambda: client.call("produce", 7, {"acks": -1, "timeout": MINUTE, "topic_data": data}) and None


def large_lookups(client: WireClient) -> Callable[[], None]:
    topics(client, ["large"])
    now_ms = time.time_ns() // 1_000_000
    plain = build_batch([(b"", None)] * 200_000 + [(b"", bytes(90_000_000))], now_ms - 5_000)
    records = zstandard.ZstdCompressor().compress(plain[HEADER_BYTES:])
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records)
    batch = changed(plain[:HEADER_BYTES] + records, attributes=ZSTD, batch_length=length, max_timestamp=now_ms)
    data = [{"name": "large", "partition_data": [{"index": 0, "records": batch}]}]
    answer = client.call("produce", 7, {"acks": -1, "timeout": MINUTE, "topic_data": data})
    assert answer.responses[0].partition_responses[0].base_offset == 0
    asked = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": now_ms - 1_000}
    request = {"replica_id": -1, "topics": [{"name": "large", "partitions": [asked]}]}

    def ask() -> None:
        peers = [WireClient(client.socket.getpeername()[1]) for _ in range(20)]
        for peer in peers:
            peer.send("list_offsets", 4, request)
        for peer in peers:
            peer.receive_frame()

    return ask


def expression(client: WireClient) -> Callable[[], None]:
    generator = random.Random(1)
    topics(client, ["".join(generator.choice("ab") for _ in range(249)) for _ in range(1_000)])
    asked = {
        "group_id": "g",
        "member_id": "m",
        "rebalance_timeout": MINUTE,
        "subscribed_topic_regex": "(a|b)*a(a|b){240}",
    }
    return lambda: client.call("consumer_group_heartbeat", 1, {**asked, "topic_partitions": []})


def configs(client: WireClient) -> Callable[[], None]:
    names = [f"configured-{number}" for number in range(1_000)]
    topics(client, names)
    change = [{"name": "retention.ms", "value": "1000000"}]
    resources = [{"resource_type": 2, "resource_name": name, "configs": change} for name in names]
    return lambda: client.call("alter_configs", 1, {"resources": resources})


def descriptions(client: WireClient) -> Callable[[], None]:
    names = [f"described-{number}" for number in range(1_000)]
    topics(client, names)
    resources = [{"resource_type": 2, "resource_name": name, "configuration_keys": None} for name in names]
    return lambda: client.call("describe_configs", 4, {"resources": resources, "include_synonyms": True})


def deletion(client: WireClient) -> Callable[[], None]:
    names = [f"deleted-{number}" for number in range(1_000)]
    topics(client, names)
    return lambda: client.call("delete_topics", 6, {"topics": [{"name": name, "topic_id": None} for name in names]})


def group_configs(client: WireClient) -> Callable[[], None]:
    change = [{"name": "share.session.timeout.ms", "value": "50000"}]
    resources = [{"resource_type": 32, "resource_name": f"g-{number}", "configs": change} for number in range(500)]
    return lambda: client.call("incremental_alter_configs", 1, {"resources": resources})


def quotas(client: WireClient) -> Callable[[], None]:
    limits = [{"key": "producer_byte_rate", "value": 1.0, "remove": False}]
    entities = [[{"entity_type": "user", "entity_name": f"u-{number}"}] for number in range(500)]
    entries = [{"entity": entity, "ops": limits} for entity in entities]
    return lambda: client.call("alter_client_quotas", 1, {"entries": entries, "validate_only": False})


def passwords(client: WireClient) -> Callable[[], None]:
    secret = {"mechanism": 1, "iterations": 4096, "salt": b"salt", "salted_password": b"p"}
    wanted = [{"name": f"u-{number}", **secret} for number in range(500)]
    return lambda: client.call("alter_user_scram_credentials", 0, {"upsertions": wanted})


def unfinished(client: WireClient) -> Callable[[], None]:
    def ask() -> None:
        peers = [socket.create_connection(client.socket.getpeername()[:2]) for _ in range(500)]
        for peer in peers:
            peer.sendall((100 << 20).to_bytes(4, "big") + b"x")
        time.sleep(1)
        for peer in peers:
            peer.close()

    return ask


ROWS: dict[str, Callable[[WireClient], Callable[[], object]]] = {
    "4,000 requests sent ahead": pipelined,
    "metadata of 2,000 topics, 1,000 made on first use": auto_creation,
    "creation of 2,000 topics": creation,
    "metadata of 100,000 partitions, 20 times": wide_metadata,
    "lookup by time in a batch of 1,000,000 records": lookup,
    "a record of 30,000,000 headers": many_headers,
    "20 lookups by time in a batch of 90 MB": large_lookups,
    "subscription by a costly expression, 1,000 topics": expression,
    "settings of 1,000 topics changed": configs,
    "settings of 1,000 topics described": descriptions,
    "1,000 topics deleted": deletion,
    "settings of 500 groups changed": group_configs,
    "quotas of 500 users changed": quotas,
    "passwords of 500 users changed": passwords,
    "500 requests of 100 MB begun": unfinished,
    **WIDE,
    **LONG,
}


def measure(prepare: Callable[[WireClient], Callable[[], object]]) -> tuple[float, float, float, float]:
    """Seconds that it took, the longest that another waited, MiB before and at the peak."""
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
        process = Logpost(Path(directory))
        process.start()
        port = int(process.bootstrap.rpartition(":")[2])
        try:
            with WireClient(port) as client:
                ask = prepare(client)
                before = usage_of(process.pid).resident_mb
                begin = time.perf_counter()
                with Other(port) as other:
                    ask()
                return time.perf_counter() - begin, other.longest, before, usage_of(process.pid).peak_mb
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only the rows that this regular expression finds")
    options = parser.parse_args()
    print("| one client asks for | it takes, s | another waits at most, ms | memory before, MiB | peak, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for name, prepare in ROWS.items():
        if re.search(options.rows, name):
            took, waited, before, peak = measure(prepare)
            print(f"| {name} | {took:.1f} | {waited * 1000:.0f} | {before:.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()

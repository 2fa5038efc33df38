"""Kafka's own administrative tools say the same of our broker as of Apache Kafka."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.interop.topics import create, producer
from tests.support.apache_kafka import ApacheKafka, run_tool

TOOLS = "org.apache.kafka.tools."
CONFIGS = "kafka.admin.ConfigCommand"
REASSIGN = f"{TOOLS}reassign.ReassignPartitionsCommand"
LEVELS_OF_RELEASE = ("upgrade", "--release-version", "4.3", "--dry-run")
SCRAM = "SCRAM-SHA-256=[iterations=8192,password=secret]"

COMMANDS: list[tuple[str, tuple[str, ...]]] = [
    (f"{TOOLS}TopicCommand", ("--describe", "--topic", "t")),
    (f"{TOOLS}TopicCommand", ("--create", "--topic", "r", "--replication-factor", "3")),
    (f"{TOOLS}LogDirsCommand", ("--describe", "--topic-list", "t")),
    (f"{TOOLS}FeatureCommand", LEVELS_OF_RELEASE),
    (f"{TOOLS}MetadataQuorumCommand", ("describe", "--replication")),
    (f"{TOOLS}ClusterTool", ("list-endpoints",)),
    (f"{TOOLS}ClusterTool", ("unregister", "--id", "2")),
    (f"{TOOLS}AclCommand", ("--list",)),
    (f"{TOOLS}DelegationTokenCommand", ("--describe", "--command-config", "EMPTY")),
    (REASSIGN, ("--execute", "--throttle", "1000", "--reassignment-json-file", "HERE")),
    (REASSIGN, ("--verify", "--reassignment-json-file", "HERE")),
    (REASSIGN, ("--execute", "--reassignment-json-file", "ELSEWHERE")),
    (REASSIGN, ("--list",)),
    (f"{TOOLS}LeaderElectionCommand", ("--election-type", "preferred", "--all-topic-partitions")),
    (f"{TOOLS}LeaderElectionCommand", ("--election-type", "unclean", "--topic", "t", "--partition", "0")),
    (f"{TOOLS}DeleteRecordsCommand", ("--offset-json-file", "RECORDS")),
    (f"{TOOLS}GetOffsetShell", ("--topic", "t", "--time", "earliest")),
    (f"{TOOLS}GetOffsetShell", ("--topic", "t", "--time", "latest-tiered")),
    (f"{TOOLS}TransactionsCommand", ("describe-producers", "--topic", "t", "--partition", "0")),
    (
        CONFIGS,
        (
            "--alter",
            "--entity-type",
            "groups",
            "--entity-name",
            "g",
            "--add-config",
            "share.auto.offset.reset=earliest",
        ),
    ),
    (CONFIGS, ("--describe", "--entity-type", "groups", "--entity-name", "g")),
    (
        CONFIGS,
        ("--alter", "--entity-type", "users", "--entity-name", "u", "--add-config", f"consumer_byte_rate=9,{SCRAM}"),
    ),
    (CONFIGS, ("--alter", "--entity-type", "users", "--entity-name", "u", "--add-config", SCRAM)),
    (CONFIGS, ("--alter", "--entity-type", "clients", "--entity-name", "c", "--add-config", "producer_byte_rate=1000")),
    (CONFIGS, ("--describe", "--entity-type", "users")),
    (CONFIGS, ("--describe", "--entity-type", "clients")),
    (CONFIGS, ("--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config", "num.partitions=3")),
    (f"{TOOLS}ClientMetricsCommand", ("--alter", "--name", "m", "--interval", "60000", "--match", "client_id=x")),
    (f"{TOOLS}ClientMetricsCommand", ("--describe", "--name", "m")),
]
"""In this order; what an earlier one sets a later one describes."""
SUBCOMMANDS_LAST = ("FeatureCommand", "MetadataQuorumCommand", "TransactionsCommand")
"""Tools whose subcommand follows the address of the broker."""
OF_THE_CLUSTER = [
    (r"^.*StatusLogger.*\n|^\d{4}-\d\d-\d\dT.*\n|^\s+at .*\n", ""),
    (r"(\w+Exception): .*", r"\1"),
    (r"TopicId: \S+", "TopicId"),
    (r"Configs: \S*", "Configs"),
    (r"(127\.0\.0\.1|localhost)[: ]\d+", "HOST"),
    (r'"logDir":"[^"]*"|"log_dirs":\["/[^]]*\]', "DIRECTORY"),
    (r"(?<![\w-])[\w-]{22}(?![\w-])|\b\d{13}\b|\t\d+ +\t", "N"),
    (r"(Error while executing topic command).*", r"\1"),
]
"""What of the words of a tool belongs to one cluster, or to the wording of an error."""


def arguments(tool: str, given: tuple[str, ...], servers: str, files: dict[str, Path]) -> list[str]:
    named = [str(files.get(argument, argument)) for argument in given]
    address = ["--bootstrap-server", servers]
    if tool.endswith("ClusterTool"):
        return [named[0], *address, *named[1:]]
    return [*address, *named] if tool.endswith(SUBCOMMANDS_LAST) else [*named, *address]


def told(text: str) -> list[str]:
    for pattern, instead in OF_THE_CLUSTER:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    def assignment(broker: int) -> str:
        partition = {"topic": "t", "partition": 0, "replicas": [broker], "log_dirs": ["any"]}
        return json.dumps({"version": 1, "partitions": [partition]})

    records = {"version": 1, "partitions": [{"topic": "t", "partition": 0, "offset": 1}]}
    texts = {"HERE": assignment(1), "ELSEWHERE": assignment(2), "RECORDS": json.dumps(records), "EMPTY": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def test_tools_say_the_same(
    libs: Path, kafka: Callable[[], ApacheKafka], tmp_path: Path, files: dict[str, Path]
) -> None:
    with kafka() as apache, Broker(EMBEDDED, tmp_path / "ours") as ours, ThreadPoolExecutor(2) as both:
        clusters = (apache.bootstrap_servers, ours.bootstrap_servers)
        for servers in clusters:
            create(servers, "t", 2)
            with producer(servers, **{"enable.idempotence": True}) as made:
                made.produce("t", b"a", partition=0)
                made.produce("t", b"b", partition=0)

        def run(tool: str, given: tuple[str, ...], servers: str) -> tuple[int, list[str]]:
            ended = run_tool(libs, tool, *arguments(tool, given, servers, files))
            return ended.returncode, told(ended.stdout + ended.stderr)

        for tool, given in COMMANDS:
            kafkas, own = both.map(run, (tool, tool), (given, given), clusters)
            assert own == kafkas, f"{tool} {' '.join(given)}"

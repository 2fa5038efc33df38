"""What `logpost up` starts, from the configuration alone."""

import socket
from pathlib import Path

import pytest

from logpost.config import load
from logpost.supervisor.plan import plan, port_in

NO_FILE = None


def test_everything_starts_in_order_and_reads_this_hosts_own_logs() -> None:
    planned = plan(load(NO_FILE, {}, {"data": "/d"}), NO_FILE, {})
    assert [name for name, _ in planned.parts] == ["broker", "web", "agent"]
    assert planned.parts[-1] == ("agent", ("--data", "/d", "--host-logs"))


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "localhost"),
        ({"LISTEN": "127.0.0.2"}, "127.0.0.2"),
        ({"LISTEN": "::1"}, "::1"),
        ({"LISTEN": "0.0.0.0"}, socket.gethostname()),
        ({"LISTEN": "::"}, socket.gethostname()),
        ({"LISTEN": "0.0.0.0", "ADVERTISED_HOST": "logs.example.org"}, "logs.example.org"),
    ],
)
def test_the_parts_use_the_broker_where_it_says_that_it_is(settings: dict[str, str], host: str) -> None:
    environment = {f"LOGPOST_BROKER_{name}": value for name, value in settings.items()}
    planned = plan(load(NO_FILE, environment, {"data": "/d"}), NO_FILE, {})
    assert (planned.broker_host, planned.starts_broker) == (host, True)


@pytest.mark.parametrize(
    ("listen", "servers"),
    [
        ("localhost", "127.0.0.1:9092"),
        ("localhost", "[::1]:9092"),
        ("127.0.0.2", "127.0.0.2:9092"),
        ("::1", "[::1]:9092"),
    ],
)
def test_a_kafka_that_is_our_own_broker_is_started(listen: str, servers: str) -> None:
    environment = {"LOGPOST_BROKER_LISTEN": listen, "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": servers}
    assert plan(load(NO_FILE, environment), NO_FILE, environment).starts_broker


@pytest.mark.parametrize(
    ("ready", "port"),
    [
        ("2026-11-30T07:46:10.396Z INFO broker: ready on 127.0.0.1 port 36209, ::1 port 36209, data in /x/y:80", 36209),
        ("2026-11-30T07:46:10.396Z INFO web: ready: http://localhost:41267", 41267),
        ("2026-11-30T07:46:10.396Z INFO web: ready: http://[::1]:8080", 8080),
    ],
)
def test_the_port_stands_in_what_a_part_says(ready: str, port: int) -> None:
    assert port_in(ready) == port


def test_with_another_kafka_configured_no_broker_is_started() -> None:
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"}
    planned = plan(load(NO_FILE, environment, {"data": "/d"}), NO_FILE, environment)
    assert [name for name, _ in planned.parts] == ["web", "agent"]
    assert (planned.starts_broker, planned.servers) == (False, "kafka-1:9092")


def test_each_part_reads_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "logpost.toml"
    file.write_text('[[agent.source]]\ntype = "file"\npaths = ["/x/*.log"]\n')
    planned = plan(load(file, {}, {"data": "/d"}), file, {})
    assert {options[:2] for _, options in planned.parts} == {("--config", str(file))}

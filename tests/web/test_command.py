"""`logpost web` as a process: it starts without a broker, drains on SIGTERM, and refuses in one line."""

from __future__ import annotations

import shutil
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from logpost_broker import Broker
from tests.support.appliance import await_condition
from tests.support.processes import Part, free_port, run


def settings(data: Path, **more: object) -> dict[str, object]:
    return {
        "data": data,
        "web.port": 0,
        "kafka.bootstrap_servers": f"localhost:{free_port()}",
        **{name.replace("__", "."): found for name, found in more.items()},
    }


def test_it_serves_without_a_broker_and_ends_with_status_0(tmp_path: Path) -> None:
    with Part("web", settings=settings(tmp_path)) as web:
        address = web.await_line("ready").rpartition(" ")[2]
        with urllib.request.urlopen(address + "/api/search", timeout=60) as response:
            assert response.status == 200
        assert web.stop() == 0


def test_a_second_process_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with Part("web", settings=settings(tmp_path)) as web:
        second = run("web", environment=environment(settings(tmp_path)))
        assert second.returncode == 1
        assert second.stderr == (f"logpost: {tmp_path}/store is in use by process {web.process.pid}: stop it first\n")


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("web", environment=environment(settings(tmp_path, web__port=port)))
    assert done.returncode == 1
    assert done.stderr == f"logpost: cannot listen on 127.0.0.1 port {port}: Address already in use (web.port)\n"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"web__listen": "0.0.0.0"}, "web.listen = '0.0.0.0' is not loopback"),
        ({"store__url": "mysql://x"}, "store.url: expected chdb:///path or clickhouse://"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, more: dict[str, object], message: str) -> None:
    done = run("web", environment=environment(settings(tmp_path, **more)))
    assert done.returncode == 2
    assert done.stderr.startswith(f"logpost: {message}")
    assert done.stderr.count("\n") == 1


def test_a_store_on_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"clickhouse://me:secret@127.0.0.1:{free_port()}/logs"
    done = run("web", environment=environment(settings(tmp_path, store__url=url)))
    place = url.rpartition("@")[2]
    assert done.returncode == 1
    assert done.stderr == f"logpost: cannot open the store {place}: no ClickHouse answers (Connection refused)\n"


def test_it_ends_when_another_process_takes_its_place_in_the_group(tmp_path: Path, broker: Broker) -> None:
    kafka = {"kafka.bootstrap_servers": broker.bootstrap_servers}
    with Part("web", settings=settings(tmp_path / "original") | kafka) as web:
        address = web.await_line("ready").rpartition(" ")[2]
        await_condition(lambda: is_ready(address), "partitions are assigned", 60)
        # Somebody copied a data directory: both are the same member of the group, and the broker fences the older.
        copied = tmp_path / "copied" / "store"
        copied.mkdir(parents=True)
        shutil.copy(tmp_path / "original" / "store" / "group-instance-id", copied)
        with Part("web", settings=settings(tmp_path / "copied") | kafka):
            web.await_line("logpost: the indexer cannot go on: ")
            assert web.process.wait(60) == 1


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/readyz", timeout=60):
            return True
    except urllib.error.HTTPError:
        return False


def environment(found: dict[str, object]) -> dict[str, str]:
    return {"LOGPOST_" + key.replace(".", "_").upper(): str(value) for key, value in found.items()}

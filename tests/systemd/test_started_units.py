"""Units as systemd runs them: what hangs is killed and comes back, what cannot start is tried again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from logpost.agent.agent import AWAY_SECONDS, DRAIN_SECONDS
from logpost.systemd.notices import TURNS_A_WATCH
from logpost_broker.broker import EMBEDDED, Broker
from tests.broker.api.conftest import produce_values
from tests.broker.wire_client import WireClient
from tests.collector.agent.topic import TopicReader
from tests.support.appliance import await_condition, await_saved
from tests.support.processes import free_port
from tests.support.started_unit import StartedUnit
from tests.support.systemd import lives

SUPPORT = Path(__file__).parent.parent / "support"
SECONDS = 120.0
STOP_SECONDS = 10.0
"""How long who shuts down a host waits for any part at most."""
Outage = Iterator[tuple[str, Callable[[], object]]]
"""What is said of it, and what ends it."""
HURRY = {"WatchdogSec": "5s", "TimeoutAbortSec": "2s", "RestartSec": "200ms"}


class Host:
    """What units of one host share: a configuration that reads `app.log`, ports, data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "logpost.toml"
        self.config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{directory}/app.log"]\n')
        self.inside: tuple[str, ...] = ()
        self.hook = {"PYTHONPATH": str(SUPPORT / "hang")}
        self.broker_port, self.web_port = free_port(), free_port()
        self.settings: dict[str, object] = {
            "broker_port": self.broker_port,
            "broker_metrics_port": 0,
            "web_port": self.web_port,
            "agent_metrics_port": 0,
        }

    @contextmanager
    def unit(self, name: str, **drop_in: str) -> Iterator[StartedUnit]:
        environment = {name: text for name, text in os.environ.items() if not name.startswith("LOGPOST_")}
        environment |= {f"LOGPOST_{name.upper()}": str(value) for name, value in self.settings.items()}
        options = ("--config", str(self.config), "--data", str(self.directory / "data"))
        with StartedUnit(
            name,
            *options,
            environment=environment | self.hook,
            log=self.directory / f"{name}.err",
            drop_in=HURRY | drop_in,
            inside=self.inside,
        ) as unit:
            yield unit

    def write(self, lines: range) -> None:
        with (self.directory / "app.log").open("a") as file:
            file.writelines(f"line {number}\n" for number in lines)

    def found(self) -> Counter[str]:
        address = f"http://127.0.0.1:{self.web_port}/api/search?start=-1h&limit=1000&q=service:app"
        try:
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:
                return Counter(row["message"] for row in json.load(answer)["rows"])
        except (urllib.error.URLError, ConnectionError):
            return Counter()  # it has just been killed

    def await_lines(self, count: int) -> None:
        """All of them, each once."""
        await_condition(lambda: len(self.found()) == count, f"{count} lines", SECONDS)
        assert set(self.found().values()) == {1}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_supervisor_that_hangs_is_killed_and_all_comes_back_and_nothing_is_lost(host: Host) -> None:
    host.write(range(10))
    with host.unit("logpost") as box:
        box.await_ready(1)
        host.await_lines(10)
        for number, hang in enumerate((signal.SIGSTOP, signal.SIGUSR2), 1):
            life = box.await_ready(number)
            os.kill(life.pid, hang)
            host.write(range(20 * number - 10, 20 * number))
            assert box.await_end(number).why == "watchdog"
            host.write(range(20 * number, 20 * number + 10))
            box.await_ready(number + 1)
            host.await_lines(20 * number + 10)
        assert "in block" in box.said()  # where the loop hung
        assert (box.stop().why, box.lives[-1].status, len(box.lives)) == ("stop", 0, 3)
        assert box.notices.pids() == {life.pid for life in box.lives}


def test_parts_that_hang_alone_are_killed_and_come_back_and_nothing_is_lost(host: Host) -> None:
    host.write(range(10))
    host.settings["kafka_bootstrap_servers"] = f"localhost:{host.broker_port}"
    with ExitStack() as started:
        units = [started.enter_context(host.unit(f"logpost-{name}")) for name in ("broker", "web", "agent")]
        for unit in units:
            unit.await_ready(1)
        host.await_lines(10)
        await_saved(host.directory / "data", host.directory / "app.log")
        for unit in units:
            os.kill(unit.lives[0].pid, signal.SIGUSR2)
        host.write(range(10, 20))
        for unit in units:
            assert unit.await_end(1).why == "watchdog"
            assert not lives(unit.lives[0].pid)
        for unit in units:
            unit.await_ready(2)
        host.await_lines(20)
        for unit in reversed(units):
            assert (unit.stop().why, unit.lives[-1].status) == ("stop", 0)


def crash_of_a_broker(directory: Path) -> None:
    """Leave what it has to recover: ten logs."""
    with Broker(EMBEDDED, directory / "running") as broker, WireClient(broker.port) as client:
        for number in range(10):
            client.call("metadata", 4, {"topics": [{"name": f"t{number}"}], "allow_auto_topic_creation": True})
            produce_values(client, f"t{number}", b"v")
        shutil.copytree(directory / "running", directory / "data" / "broker")


def start_slowly(host: Host, seconds: float) -> Path:
    """Each log and the store take so long; returns the file that makes one of them hang."""
    crash_of_a_broker(host.directory)
    stuck = host.directory / "stuck"
    host.hook = {"PYTHONPATH": str(SUPPORT / "slow"), "STUCK": str(stuck)}
    host.hook |= {"SLOW_SECONDS": str(seconds), "SLOW_ALLOWED": "3"}
    return stuck


@pytest.mark.parametrize(("name", "seconds"), [("logpost-broker", 1.0), ("logpost-web", 60.0), ("logpost", 1.0)])
def test_a_stop_during_a_slow_start_is_obeyed_soon(host: Host, name: str, seconds: float) -> None:
    start_slowly(host, seconds)
    with host.unit(name) as unit:
        unit.notices.await_notice("EXTEND_TIMEOUT_USEC")
        begun = time.monotonic()
        life = unit.stop()
        assert (life.why, life.is_ready, len(unit.lives)) == ("stop", False, 1)
        assert life.status in (0, -signal.SIGTERM)
        assert time.monotonic() - begun < STOP_SECONDS


@pytest.mark.parametrize(
    ("name", "slow_seconds", "status"),
    [("logpost-broker", 0.9, "recovering logs"), ("logpost-web", 9.0, "opening the store")],
)
def test_a_start_that_gets_on_is_waited_for_and_one_that_does_not_is_ended(
    host: Host, name: str, slow_seconds: float, status: str
) -> None:
    start_slowly(host, slow_seconds).touch()
    with host.unit(name, TimeoutStartSec="3s", TimeoutStopSec="1s") as unit:
        assert unit.await_end().why == "start timeout"
        life = unit.await_ready(2)
        ready = next(one for one in unit.notices.heard if one.pid == life.pid and "READY" in one.fields)
        assert ready.at - life.began > 3 * unit.seconds("TimeoutStartSec")
        told = [one.fields["STATUS"] for one in unit.notices.heard if "EXTEND_TIMEOUT_USEC" in one.fields]
        assert {text.partition(":")[0] for text in told} == {status}


def test_a_part_of_the_box_that_hangs_while_it_starts_is_ended_and_the_box_is_started_again(host: Host) -> None:
    start_slowly(host, 0.1).touch()
    with host.unit("logpost") as box:
        life = box.await_end()
        assert (life.why, life.status) == ("", 1)
        assert "logpost: broker said nothing for" in box.said()
        box.await_ready(2)


def test_an_agent_whose_broker_is_away_stops_soon_and_the_next_one_goes_on_where_it_was(host: Host) -> None:
    host.write(range(10))
    host.settings["kafka_bootstrap_servers"] = f"localhost:{host.broker_port}"
    with host.unit("logpost-agent") as agent:
        with host.unit("logpost-broker") as broker:
            broker.await_ready()
            topic = TopicReader(f"localhost:{host.broker_port}")
            topic.read_count(10)
        host.write(range(10, 20))
        await_condition(lambda: "reading waits for it" in agent.said(), "lines are on their way", SECONDS)
        assert AWAY_SECONDS < DRAIN_SECONDS < STOP_SECONDS
        begun = time.monotonic()
        life = agent.stop()
        assert (life.why, life.status) == ("stop", 0)
        assert time.monotonic() - begun < STOP_SECONDS
    with host.unit("logpost-broker"), host.unit("logpost-agent"):
        lines = [f"line {number}" for number in range(20)]
        assert sorted(record.message for record in topic.read_count(20)) == sorted(lines)
        topic.close()


@pytest.mark.parametrize("name", ["logpost", "logpost-broker", "logpost-web", "logpost-agent"])
def test_a_wrong_configuration_has_a_status_of_its_own_and_is_not_tried_again(host: Host, name: str) -> None:
    host.config.write_text("[web]\nprot = 1\n")
    with host.unit(name) as unit:
        assert unit.await_end(1).status == 2
        unit.await_given_up()
        assert len(unit.lives) == 1
        assert unit.said() == f"logpost: {host.config}: unknown key web.prot: did you mean web.port?\n"


@contextmanager
def port_taken(host: Host) -> Outage:
    with socket.create_server(("127.0.0.1", host.broker_port)) as other:
        yield "Address already in use", other.close


@contextmanager
def name_without_address(host: Host) -> Outage:
    host.settings["broker_advertised_host"] = "box.invalid"
    hosts = host.directory / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    host.inside = ("unshare", "--mount", "sh", "-c", OWN_HOSTS, str(hosts))
    yield "the broker advertises box.invalid", lambda: hosts.write_text("127.0.0.1 localhost box.invalid\n")


@contextmanager
def disk_full(host: Host) -> Outage:
    with small_disk(host, "256k") as fill:
        yield "No space left on device", fill().unlink


@contextmanager
def small_disk(host: Host, size: str) -> Iterator[Callable[[], Path]]:
    """At the data directory; returns what fills it, which returns the file to remove."""
    data = host.directory / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", data], check=True)

    def fill() -> Path:
        filling = data / "filling"
        with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        return filling

    try:
        yield fill
    finally:
        subprocess.run(["umount", data], check=True)


OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'
"""The unit alone sees this file in the place of the system's."""
needs_mounts = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")


@pytest.mark.parametrize(
    ("name", "outage"),
    [
        ("logpost-broker", port_taken),
        pytest.param("logpost-broker", disk_full, marks=needs_mounts),
        pytest.param("logpost", name_without_address, marks=needs_mounts),
    ],
)
def test_what_cannot_start_says_one_line_each_time_and_is_tried_again_until_it_can(
    host: Host, name: str, outage: Callable[[Host], contextlib.AbstractContextManager[tuple[str, Callable[[], object]]]]
) -> None:
    with outage(host) as (words, end), host.unit(name) as unit:
        unit.await_end(2)
        assert {life.status for life in unit.lives[:2]} == {1}
        assert "Traceback" not in unit.said()
        said = [line for line in unit.said().splitlines() if line.startswith("logpost: ")]
        assert 2 <= len(said) <= len(unit.lives) and all(words in line for line in said)
        end()
        unit.await_ready(3)


@needs_mounts
def test_who_waits_for_room_on_the_disk_is_not_taken_for_hung(host: Host) -> None:
    host.settings["kafka_bootstrap_servers"] = f"localhost:{host.broker_port}"
    host.config.write_text(host.config.read_text().replace("app.log", "*.log"))
    with small_disk(host, "256m") as fill, ExitStack() as started:
        units = [started.enter_context(host.unit(f"logpost-{name}")) for name in ("broker", "web", "agent")]
        host.write(range(10))
        host.await_lines(10)
        filling = fill()
        host.write(range(10, 20))
        (host.directory / "new.log").write_text("first of a file\n")  # the agent saves its place before it reads it
        for notices, heard in [(unit.notices, len(unit.notices.heard)) for unit in units]:
            for _ in range(2 * TURNS_A_WATCH):
                heard = notices.heard.index(notices.await_notice("WATCHDOG", after=heard)) + 1
        filling.unlink()
        host.await_lines(20)
        assert [len(unit.lives) for unit in units] == [1, 1, 1]
        for unit in reversed(units):
            assert unit.stop().status == 0

"""What hangs is ended and comes back: parts by the supervisor, the supervisor and parts that run alone by systemd."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_up import children, command_of, kill_and_await_parts, search
from tests.support.appliance import await_condition, await_saved
from tests.support.processes import Part, free_port
from tests.support.systemd import NotifySocket

HANG = Path(__file__).parent.parent / "support" / "hang"
SECONDS = 120.0
WATCH_SECONDS = 5.0


@pytest.fixture
def systemd() -> Iterator[NotifySocket]:
    with NotifySocket(WATCH_SECONDS) as listening:
        yield listening


def part(command: str, directory: Path, systemd: NotifySocket) -> Part:
    """Not started. It reads `app.log` in `directory`."""
    config = directory / "logpost.toml"
    config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{directory}/*.log"]\n')
    port = free_port()
    settings: dict[str, object] = {
        "broker.port": port,
        "broker.metrics_port": 0,
        "web.port": free_port(),
        "agent.metrics_port": 0,
    }
    if command != "up":
        settings["kafka.bootstrap_servers"] = f"localhost:{port}"
    made = Part(command, "--config", str(config), "--data", str(directory / "data"), settings=settings)
    made.environment.update(systemd.environment, PYTHONPATH=str(HANG))
    return made


def part_of(up: Part, name: str) -> int:
    [pid] = [pid for pid in children(up.process.pid) if f" {name} " in command_of(pid)]
    return pid


def write(log: Path, lines: range) -> None:
    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in lines)


def found(up: Part) -> Counter[str]:
    return Counter(row["message"] for row in search(up, "service:app"))


def test_parts_that_hang_are_killed_and_come_back_and_nothing_is_lost(tmp_path: Path, systemd: NotifySocket) -> None:
    log = tmp_path / "app.log"
    write(log, range(10))
    with part("up", tmp_path, systemd).start(until="logpost is up: ") as up:
        assert systemd.await_notice("READY").fields["STATUS"].startswith("logpost is up: http://localhost:")
        await_saved(tmp_path / "data", log)
        agent, web, broker = (part_of(up, name) for name in ("agent", "web", "broker"))
        os.kill(agent, signal.SIGSTOP)
        os.kill(web, signal.SIGUSR1)
        up.await_line("agent said nothing for", SECONDS)
        up.await_line("web said nothing for", SECONDS)
        up.await_line("in block", SECONDS)  # where it hung
        write(log, range(10, 20))
        os.kill(broker, signal.SIGUSR2)
        up.await_line("broker said nothing for", SECONDS)
        write(log, range(20, 30))
        for name in ("agent", "web", "broker"):
            up.await_line(f"{name} is up again", SECONDS)
        systemd.await_notice("STATUS", "broker is down: said nothing")
        await_condition(lambda: len(found(up)) == 30, "all lines", SECONDS)
        assert set(found(up).values()) == {1}
        assert up.stop() == 0
        assert systemd.pids() == {up.process.pid}
    assert "STOPPING" in {name for heard in systemd.heard for name in heard.fields}


def test_a_supervisor_that_hangs_says_no_turn_and_its_parts_end_with_it(tmp_path: Path, systemd: NotifySocket) -> None:
    with part("up", tmp_path, systemd).start(until="logpost is up: ") as up:
        systemd.await_notice("WATCHDOG", after=len(systemd.heard))
        os.kill(up.process.pid, signal.SIGUSR2)
        systemd.await_silence(WATCH_SECONDS)
        kill_and_await_parts(up)


@pytest.mark.parametrize("command", ["broker", "web", "agent"])
def test_a_part_alone_is_ready_turns_and_stops(command: str, tmp_path: Path, systemd: NotifySocket) -> None:
    (tmp_path / "app.log").touch()
    with part(command, tmp_path, systemd).start() as alone:
        ready = systemd.await_notice("READY")
        assert (ready.pid, ready.fields["STATUS"][:5]) == (alone.process.pid, "ready")
        systemd.await_notice("WATCHDOG", after=len(systemd.heard))
        assert alone.stop() == 0
        systemd.await_notice("STOPPING")


def test_waiting_for_a_broker_that_is_away_is_a_turn(tmp_path: Path, systemd: NotifySocket) -> None:
    write(tmp_path / "app.log", range(10))
    with part("agent", tmp_path, systemd).start(), part("web", tmp_path, systemd).start():
        begin = len(systemd.heard)
        for _ in range(6):
            begin = systemd.heard.index(systemd.await_notice("WATCHDOG", after=begin)) + 1
        assert len(systemd.pids()) == 2

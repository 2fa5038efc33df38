"""`logpost up`: one command starts everything, a part that dies comes back, Ctrl-C drains."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.appliance import await_condition
from tests.support.processes import Part, free_port, run
from tests.support.systemd import NotifySocket

SECONDS = 60.0


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Part]:
    settings = {
        "broker.port": free_port(),
        "broker.metrics_port": 0,
        "web.port": free_port(),
        "agent.metrics_port": 0,
    }
    part = Part("up", "--data", str(tmp_path / "data"), settings=settings)
    with part.start(until="logpost is up: "):
        yield part


def page_address(up: Part) -> str:
    found = re.search(r"logpost is up: (http://\S+)", up.await_line("logpost is up: "))
    assert found is not None
    return found[1]


def search(up: Part, query: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{page_address(up)}/api/search?start=-1h&q={query}", timeout=60) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["rows"]
    return rows


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in listed.stdout.split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def kill_and_await_parts(up: Part) -> None:
    parts = children(up.process.pid)
    assert len(parts) == 3
    up.kill()
    await_condition(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts), "parts are gone", SECONDS)


def test_the_first_page_is_not_empty_and_ctrl_c_drains(up: Part) -> None:
    await_condition(lambda: search(up, "service:logpost-broker") != [], "logpost's own logs", SECONDS)
    with urllib.request.urlopen(page_address(up), timeout=60) as page:
        assert b"logpost" in page.read()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(SECONDS) == 0
    up.await_line("up: stopped")
    last = [" agent: stopped: ", " web: stopped", " broker: stopped", " up: stopped"]
    assert [word for line in up.lines for word in last if word in line] == last


def test_shipping_its_own_logs_does_not_feed_itself(up: Part) -> None:
    await_condition(lambda: search(up, "service:logpost-web") != [], "logpost's own logs", SECONDS)
    said = len(up.lines)
    # Every record that arrives makes the pipeline work; if that made it talk, each search would find more.
    for _ in range(20):
        search(up, "service:logpost-*")
    assert len(up.lines) - said < 5


def test_a_part_that_dies_is_started_again_and_that_is_said(up: Part) -> None:
    [agent] = [pid for pid in children(up.process.pid) if " agent " in command_of(pid)]
    os.kill(agent, signal.SIGKILL)
    up.await_line("agent was ended by SIGKILL; starting it again in 0.5 s")
    await_condition(lambda: sum(" agent: ready" in line for line in up.lines) == 2, "the agent is ready again", SECONDS)


def test_a_part_that_cannot_start_again_is_tried_until_it_can_and_that_is_said_once(up: Part) -> None:
    before = {command_of(pid).split()[3]: pid for pid in children(up.process.pid)}
    port = int(page_address(up).rpartition(":")[2])
    with socket.socket() as taking:
        taking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(before["web"], signal.SIGKILL)
        await_condition(lambda: takes(taking, port), "the port of the web", SECONDS, every=0.001)
        cannot = f"web cannot start, and is tried again and again: cannot listen on 127.0.0.1 port {port}"
        up.await_line(cannot, SECONDS)
    up.await_line("web is up again", SECONDS)
    assert sum(cannot in line for line in up.lines) == 1
    after = {command_of(pid).split()[3]: pid for pid in children(up.process.pid)}
    assert {name: pid for name, pid in before.items() if name != "web"} == {
        name: pid for name, pid in after.items() if name != "web"
    }


def takes(taking: socket.socket, port: int) -> bool:
    try:
        taking.bind(("127.0.0.1", port))
        taking.listen()
    except OSError:
        return False
    return True


def test_parts_come_back_while_nobody_takes_what_they_say(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = {"LOGPOST_BROKER_PORT": "0", "LOGPOST_WEB_PORT": "0"} | {
        f"LOGPOST_{part}_METRICS_PORT": "0" for part in ("BROKER", "AGENT")
    }
    command = [sys.executable, "-m", "logpost", "up", "--data", str(data)]
    with Path("/dev/full").open("w") as full, subprocess.Popen(command, stderr=full, env=os.environ | settings) as up:
        said = data / "log" / "up.log"
        try:
            await_condition(lambda: said.exists() and "logpost is up: " in said.read_text(), "the box", SECONDS)
            [agent] = [pid for pid in children(up.pid) if " agent " in command_of(pid)]
            os.kill(agent, signal.SIGKILL)
            await_condition(lambda: "agent is up again" in said.read_text(), "the agent is back", SECONDS)
            up.terminate()
            assert up.wait(SECONDS) == 0
        finally:
            up.kill()


def test_the_parts_end_when_the_supervisor_is_killed(up: Part) -> None:
    kill_and_await_parts(up)


def test_the_parts_follow_the_addresses_that_are_set_and_say_the_real_ones(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = {
        "broker.listen": "127.0.0.2",
        "broker.port": 0,
        "broker.metrics_port": 0,
        "web.listen": "127.0.0.3",
        "web.port": 0,
        "agent.metrics_port": 0,
    }
    with Part("up", "--data", str(data), settings=settings).start(until="logpost is up: ") as up:
        assert re.search(
            r"logpost is up: http://127\.0\.0\.3:[1-9]\d+ \(Kafka at 127\.0\.0\.2:[1-9]\d+\)", up.await_line("is up: ")
        )
        await_condition(lambda: search(up, "service:logpost-broker") != [], "logpost's own logs", SECONDS)
        [broker] = [pid for pid in children(up.process.pid) if " broker " in command_of(pid)]
        os.kill(broker, signal.SIGKILL)
        await_condition(lambda: sum(" broker: ready" in line for line in up.lines) == 2, "the broker is back", SECONDS)
        assert len({line.partition("ready on ")[2] for line in up.lines if " broker: ready" in line}) == 1
        open_to_others = [
            path for path in (data, *data.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o027
        ]
        assert open_to_others == []


def test_commands_find_what_listens_on_other_addresses(tmp_path: Path) -> None:
    """By the file that it was started with, where it names no broker."""
    config, data = tmp_path / "logpost.toml", tmp_path / "data"
    config.write_text(
        f'data = "{data}"\n[agent]\nmetrics_port = 0\n'
        f'[broker]\nlisten = "127.0.0.2"\nport = {free_port()}\nmetrics_port = {free_port()}\n'
        f'[web]\nlisten = "127.0.0.3"\nport = {free_port()}\n'
    )
    options = ["--config", str(config)]
    with Part("up", *options).start(until="logpost is up: "):
        doctor = json.loads(run("doctor", "--json", *options).stdout)["checks"]
        found = {one["check"]: one for one in doctor if one["check"] in ("ports", "broker", "groups", "store")}
        assert {one["state"] for one in found.values()} == {"ok"}, found
        parts = json.loads(run("status", "--json", *options).stdout)["parts"]
        assert {part["state"] for part in parts} == {"running"}, parts
        assert run("health", *options).returncode == 0
        assert "logs" in run("topics", "list", *options).stdout


def test_a_broker_that_advertises_an_address_that_leads_nowhere_is_one_clear_line(tmp_path: Path) -> None:
    ended = run(
        "up",
        "--data",
        str(tmp_path / "data"),
        environment={
            "LOGPOST_BROKER_PORT": "0",
            "LOGPOST_BROKER_METRICS_PORT": "0",
            "LOGPOST_BROKER_ADVERTISED_HOST": "nowhere.invalid",
        },
    )
    assert ended.returncode == 1
    assert re.search(
        r"^logpost: the broker advertises nowhere\.invalid:\d+, which cannot be reached .*: set broker\.advertised",
        ended.stderr,
        re.MULTILINE,
    )


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        ended = run("up", "--data", str(tmp_path / "data"), environment={"LOGPOST_BROKER_PORT": str(port)})
    assert ended.returncode == 1
    expected = f"logpost: cannot listen on 127.0.0.1 port {port}: Address already in use (broker.port)"
    assert [line for line in ended.stderr.splitlines() if line.startswith("logpost: ")] == [expected]


def test_a_second_up_on_the_same_data_is_refused(up: Part) -> None:
    ended = run("up", *up.arguments[1:])
    assert ended.returncode == 1
    assert f"is in use by process {up.process.pid}: stop it first" in ended.stderr


def test_an_unknown_key_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "logpost.toml"
    file.write_text("[web]\nprot = 1\n")
    ended = run("up", "--config", str(file))
    assert (ended.returncode, ended.stderr) == (2, f"logpost: {file}: unknown key web.prot: did you mean web.port?\n")


JOURNALCTL = """#!/bin/sh
env > "$ENVIRONMENT.new" && mv "$ENVIRONMENT.new" "$ENVIRONMENT" && exec sleep 600
"""
CANARY = "c4n4ry"
OF_PYTHON_AND_SYSTEMD = ("PYTHON", "LD_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")


def test_what_is_said_made_and_started_is_nobody_elses(tmp_path: Path) -> None:
    """Whatever the umask is, no other user reads the lines; a program that a part starts has the environment of who
    started `up`, and cannot speak for it; and no list of processes, log or metric shows a password."""
    data, environment = tmp_path / "data", tmp_path / "environment"
    fake = tmp_path / "bin" / "journalctl"
    fake.parent.mkdir()
    fake.write_text(JOURNALCTL)
    fake.chmod(0o755)
    metrics = free_port(), free_port()
    settings = {
        "broker.port": free_port(),
        "broker.metrics_port": metrics[0],
        "web.port": free_port(),
        "agent.metrics_port": metrics[1],
        "kafka.sasl_password": CANARY,
    }
    up = Part("up", "--data", str(data), settings=settings, inside=("sh", "-c", 'umask 0; exec "$@"', "sh"))
    given = {name for name in up.environment if name.startswith(OF_PYTHON_AND_SYSTEMD)}
    with NotifySocket(watch_seconds=120) as systemd:
        up.environment |= systemd.environment | {"ENVIRONMENT": str(environment)}
        up.environment["PATH"] = f"{fake.parent}:{up.environment['PATH']}"
        with up.start(until="logpost is up: "):
            await_condition(lambda: search(up, "service:logpost-broker") != [], "logpost's own logs", SECONDS)
            await_condition(environment.exists, "journalctl runs", SECONDS)
            commands = [command_of(pid) for pid in (up.process.pid, *children(up.process.pid))]
            pages = [f"{page_address(up)}/metrics", *(f"http://localhost:{port}/metrics" for port in metrics)]
            shown = [urllib.request.urlopen(page, timeout=60).read().decode() for page in pages]
            open_to_others = [str(path) for path in (data, *data.rglob("*")) if path.lstat().st_mode & 0o007]
    links = {str(path) for path in data.rglob("*") if path.is_symlink()}
    assert (set(open_to_others) - links, len(commands)) == (set(), 4)
    assert {one.pid for one in systemd.heard} == {up.process.pid}
    names = {line.partition("=")[0] for line in environment.read_text().splitlines()}
    assert {name for name in names if name.startswith(OF_PYTHON_AND_SYSTEMD)} == given
    logs = [path.read_text() for path in (data / "log").glob("*.log")]
    assert len(logs) == 4
    assert CANARY not in "".join([*commands, *shown, *logs, *up.lines])

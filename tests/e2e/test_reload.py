"""New settings while everything runs."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.agent import FLUSH_SECONDS
from logpost.agent.command import LIVE as OF_AGENT
from logpost.config import DEFAULTS
from logpost_broker.broker import LIVE as OF_BROKER
from logpost_web.server import LIVE as OF_WEB
from tests.collector.agent.topic import TopicReader
from tests.e2e.test_up import children, search
from tests.support.appliance import await_condition
from tests.support.processes import Part, broker_part, free_port, run

SECONDS = 120.0


class Box:
    """`logpost up` on a file of settings."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "logpost.toml"
        self.options = ("--config", str(self.config), "--data", str(directory / "data"))
        self.settings: dict[str, object] = {
            "broker.port": free_port(),
            "broker.metrics_port": 0,
            "web.port": free_port(),
            "agent.metrics_port": 0,
        }
        self.configure("one.log")
        self.up = Part("up", *self.options, settings=self.settings)

    def configure(self, file: str, more: str = "") -> None:
        source = f'[[agent.source]]\ntype = "file"\npaths = ["{self.directory}/{file}"]\n'
        self.config.write_text(more + source)

    def write(self, file: str, *lines: str) -> None:
        with (self.directory / file).open("a") as log:
            log.writelines(f"{line}\n" for line in lines)

    def await_lines(self, service: str, *lines: str) -> None:
        def found() -> list[str]:
            return sorted(row["message"] for row in search(self.up, f"service:{service}"))

        await_condition(lambda: found() == sorted(lines), f"{lines} of {service}", SECONDS)

    def reload(self, *part: str) -> tuple[int, str, str]:
        environment = {name: text for name, text in self.up.environment.items() if name.startswith("LOGPOST_")}
        ended = run("reload", *part, *self.options, environment=environment, timeout=SECONDS)
        return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    with made.up.start(until="logpost is up: "):
        yield made


def test_sources_limits_and_retention_change_and_what_needs_a_restart_is_named(box: Box) -> None:
    box.write("one.log", "first")
    box.await_lines("one", "first")
    parts = children(box.up.process.pid)
    kafka = '[kafka]\npartitions = 9\nbootstrap_servers = "other:9092"\n'
    others = f'[broker]\nretention = "3d"\n{kafka}[store]\nblock_rows = 70\n[web]\nmax_connections = 70\n'
    box.configure("two.log", f'log_level = "warning"\n{others}')
    box.write("two.log", "second")
    status, printed, said = box.reload()
    answer = json.loads(printed)
    assert (status, said) == (0, "")
    applied = ["log_level", "broker.retention_ms", "store.block_rows", "web.max_connections", "agent.source"]
    assert sorted(answer["applied"]) == sorted(applied)
    assert sorted(answer["needs_restart"]) == ["kafka.bootstrap_servers", "kafka.partitions"]
    assert {"data", "broker.port", "web.port", "store.block_bytes"} <= set(answer["unchanged"])
    box.await_lines("two", "second")
    box.write("one.log", "not read")
    box.configure("*.log", 'log_level = "warning"\n[kafka]\npartitions = 8\n')
    assert sorted(json.loads(box.reload()[1])["applied"]) == sorted(set(applied) - {"log_level"})
    box.await_lines("one", "first", "not read")
    box.await_lines("two", "second")
    assert children(box.up.process.pid) == parts


def test_a_bad_file_is_refused_and_no_number_of_sighups_ends_anything(box: Box) -> None:
    box.config.write_text("[agent]\nsurce = 1\n")
    status, printed, said = box.reload()
    assert (status, printed) == (2, "")
    assert said.startswith(f"logpost: {box.config}: unknown key agent.surce") and said.count("\n") == 1
    box.up.process.send_signal(signal.SIGHUP)
    line = box.up.await_line("the settings stay as they were: ", SECONDS)
    assert "unknown key agent.surce" in line
    box.configure("one.log")
    begin = len(box.up.lines)
    for process in (box.up.process.pid, *children(box.up.process.pid)):
        for _ in range(20):
            os.kill(process, signal.SIGHUP)
    box.up.await_line("reloaded: nothing has changed", SECONDS, after=begin)
    box.write("one.log", "still read")
    box.await_lines("one", "still read")
    box.up.process.terminate()
    while box.up.process.poll() is None:
        box.up.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    assert box.up.process.returncode == 0


@pytest.mark.parametrize("command", ["broker", "web", "agent", "up"])
def test_no_moment_of_a_life_is_ended_by_it(command: str, tmp_path: Path) -> None:
    """From the moment on at which Python runs logpost, to the end of the drain."""
    box = Box(tmp_path)
    settings = box.settings if command == "up" else box.settings | {"kafka.bootstrap_servers": "localhost:1"}
    environment = Part(command, settings=settings).environment
    process = subprocess.Popen(
        [sys.executable, "-m", "logpost", command, *box.options], env=environment, stderr=subprocess.PIPE, text=True
    )
    status = Path(f"/proc/{process.pid}/status")
    await_condition(lambda: catches_hangup(status), "the handler of SIGHUP", SECONDS, every=0.001)
    over = threading.Event()

    def hang_up() -> None:
        while not over.wait(0.02):
            process.send_signal(signal.SIGHUP)

    hanging_up = threading.Thread(target=hang_up)
    hanging_up.start()
    assert process.stderr is not None
    assert next(line for line in process.stderr if ("logpost is up" if command == "up" else "ready") in line)
    process.terminate()
    process.communicate(timeout=SECONDS)
    over.set()
    hanging_up.join()
    assert process.returncode == 0


def catches_hangup(status: Path) -> bool:
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGHUP - 1)


def test_all_sources_change_while_the_broker_is_away_and_lines_are_on_their_way(tmp_path: Path) -> None:
    box, broker = Box(tmp_path), broker_part(tmp_path / "broker")
    agent = Part("agent", *box.options, settings=box.settings | {"kafka.bootstrap_servers": broker.servers})
    box.up = agent
    with broker.start(), agent.start():
        box.write("one.log", "sent")
        topic = TopicReader(broker.servers)
        topic.read_count(1)
        broker.kill()
        box.write("one.log", *(f"waits {number}" for number in range(1000)))
        agent.await_line("is away; reading waits for it", SECONDS)
        box.configure("two.log")
        box.write("two.log", "of the new source")
        status, printed, _ = box.reload("agent")
        assert (status, json.loads(printed)["applied"]) == (0, ["agent.source"])
        assert FLUSH_SECONDS < 10
        broker.start()
        expected = {"sent", "of the new source", *(f"waits {number}" for number in range(1000))}
        topic.read_until(lambda records: {record.message for record in records} == expected)
        topic.close()
    status, _, said = box.reload("agent")
    assert (status, said) == (1, f"logpost: no agent runs on {tmp_path}/data: nothing to reload\n")


def test_the_page_names_what_can_change() -> None:
    page = (Path(__file__).parents[2] / "docs" / "systemd.md").read_text()
    table = page[page.index("| part | settings |") :]
    live = {"log_level"} | OF_AGENT | OF_BROKER | OF_WEB
    assert set(re.findall(r"`([a-z_.]+)`", table)) == live <= DEFAULTS.keys()


def test_it_drains_when_its_terminal_is_gone_and_reloads_while_it_is_there(tmp_path: Path) -> None:
    settings = {"broker.port": free_port(), "broker.metrics_port": 0}
    part = Part("broker", "--data", str(tmp_path), settings=settings)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "logpost", *part.arguments],
        env=part.environment,
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stderr is not None
    next(line for line in process.stderr if "ready" in line)
    process.send_signal(signal.SIGHUP)
    assert "reloaded: nothing has changed" in next(process.stderr)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    process.stderr.close()
    assert process.wait(SECONDS) == 0

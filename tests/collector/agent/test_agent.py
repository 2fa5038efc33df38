"""`logpost agent` as a process, against a real broker: what is written to files is in the topic."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from logpost.record import Record
from logpost_broker import Broker
from tests.collector.agent.harness import lines_of, range_of
from tests.collector.agent.topic import TopicReader
from tests.support.appliance import await_condition
from tests.support.processes import Part, free_port, run


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def topic(broker: Broker) -> Iterator[TopicReader]:
    reader = TopicReader(broker.bootstrap_servers)
    yield reader
    reader.close()


def configured(tmp_path: Path, bootstrap_servers: str, *, source: str = "", agent: str = "") -> Part:
    """An agent of `tmp_path`/logs/**/*.log, not started."""
    file = tmp_path / "logpost.toml"
    file.write_text(
        f"""
data = "{tmp_path}/data"
[kafka]
bootstrap_servers = "{bootstrap_servers}"
[agent]
hostname = "web-1"
metrics_port = 0
{agent}
[[agent.source]]
type = "file"
paths = ["{tmp_path}/logs/**/*.log"]
timezone = "UTC"
{source}
"""
    )
    return Part("agent", "--config", str(file))


def saved(tmp_path: Path) -> dict[str, int]:
    """Stream id → acknowledged position on the disk."""
    content = json.loads((tmp_path / "data" / "agent" / "positions.json").read_text())
    return {file["id"]: file["offset"] for file in content["sources"]["file"]["cursor"]}


def test_a_file_becomes_records(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    (logs / "shop.log").write_text('2026-11-22T10:51:07.5Z ERROR no\n{"message":"x","level":"warn","status":502}\n')
    with configured(tmp_path, broker.bootstrap_servers) as agent:
        first, second = topic.read_count(2)
    assert (first.host, first.service, first.file) == ("web-1", "shop", str(logs / "shop.log"))
    assert (first.ts, first.level) == ("2026-11-22T10:51:07.500000000Z", "error")
    assert (second.message, second.level, second.attrs) == ("x", "warn", {"status": 502})
    assert (range_of(first).start, range_of(first).end, range_of(second).end) == (0, 32, 76)
    assert range_of(first).id == range_of(second).id
    assert topic.keys == [b"web-1/shop"] * 2
    assert agent.process.returncode == 0


def test_a_new_line_and_a_new_file_are_noticed_at_once(
    tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader
) -> None:
    """By events: with polling alone this would take a minute."""
    (logs / "a.log").write_text("one\n")
    with configured(tmp_path, broker.bootstrap_servers, agent="poll_seconds = 60.0"):
        topic.read_count(1)
        started = time.monotonic()
        with (logs / "a.log").open("a") as file:
            file.write("two\n")
        topic.read_count(2)
        (logs / "new").mkdir()
        (logs / "new" / "b.log").write_text("three\n")
        records = topic.read_count(3)
        assert time.monotonic() - started < 30
    assert [record.message for record in records] == ["one", "two", "three"]


def test_an_agent_that_has_nothing_to_do_sleeps(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    """When what it has read is acknowledged and saved: until the next event, or look, which is a minute off."""
    (logs / "a.log").write_text("one\n")
    with configured(tmp_path, broker.bootstrap_servers, agent="poll_seconds = 60.0") as agent:
        for count in (1, 2):
            topic.read_count(count)
            await_condition(partial(sleeps, agent.process.pid), "its loop sleeps", 120, every=0)
            assert [*saved(tmp_path).values()] == [4 * count]
            with (logs / "a.log").open("a") as file:
                file.write("two\n")
        topic.read_count(3)


def test_an_agent_that_waits_for_its_broker_sleeps(tmp_path: Path, logs: Path) -> None:
    (logs / "a.log").write_text("one\n")
    with configured(tmp_path, f"localhost:{free_port()}") as agent:
        await_condition(partial(sleeps, agent.process.pid), "its loop sleeps", 120, every=0)


def sleeps(pid: int, seconds: float = 0.7) -> bool:
    """Whether the first thread did not wake up for so long."""
    before = wakeups(pid)
    time.sleep(seconds)
    return wakeups(pid) == before


def wakeups(pid: int) -> int:
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_start_at_the_end_ships_only_what_comes(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    (logs / "a.log").write_text("old\n")
    with configured(tmp_path, broker.bootstrap_servers, source='start = "end"'):
        with (logs / "a.log").open("a") as file:
            file.write("new\n")
        (logs / "b.log").write_text("later\n")
        records = topic.read_count(2)
    assert {record.message for record in records} == {"new", "later"}


def test_a_stop_ships_the_line_without_newline(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    (logs / "a.log").write_text("one\ntwo")
    agent = configured(tmp_path, broker.bootstrap_servers).start()
    topic.read_count(1)
    assert agent.stop() == 0
    assert [record.message for record in topic.read_count(2)] == ["one", "two"]
    assert list(saved(tmp_path).values()) == [7]


def test_lines_that_are_hard_to_read_arrive(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    mebibyte = 1024 * 1024
    (logs / "a.log").write_bytes(
        b"caf\xe9\n\n\0\0hole\n" + b"\x01" * mebibyte + b"\n" + "é".encode() * 5 * mebibyte + b"\nlast"
    )
    with configured(tmp_path, broker.bootstrap_servers, agent="partial_line_seconds = 1.0"):
        records = topic.read_until(lambda records: bool(records) and records[-1].message == "last")
    assert records[0].message == "caf\N{REPLACEMENT CHARACTER}"
    assert records[0].attrs["encoding"] == "invalid utf-8"
    assert records[1].message == "hole"
    assert records[2].message == "\x01" * mebibyte
    pieces = records[3:-1]
    assert "".join(piece.message for piece in pieces) == "é" * 5 * mebibyte
    assert [piece.attrs.get("truncated", False) for piece in pieces] == [True] * 9 + [False]
    assert [piece.attrs.get("continued", False) for piece in pieces] == [False] + [True] * 9
    assert max(len(piece.message.encode()) for piece in pieces) == mebibyte
    assert sum(lines_of(records).values()) == 5


LINES_AHEAD = 30_000


class Writer:
    """Appends numbered lines until it is stopped, not far ahead of what has arrived, and rotates by rename when it is
    told to."""

    def __init__(self, log: Path, arrived: list[Record]) -> None:
        self.log = log
        self._arrived = arrived
        self.written: Counter[str] = Counter()
        self._stop = threading.Event()
        self._rotate = threading.Event()
        self._rotated = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def rotate(self) -> None:
        """Returns when the file has its new name."""
        self._rotated.clear()
        self._rotate.set()
        assert self._rotated.wait(60)

    def _run(self) -> None:
        number, rotations = 0, 0
        while not self._stop.is_set():
            with self.log.open("a") as file:
                while not self._rotate.is_set() and not self._stop.wait(0.002):
                    for _ in range(100 if number < len(self._arrived) + LINES_AHEAD else 0):
                        number += 1
                        file.write(f"line {number}\n")
                        self.written[f"line {number}"] += 1
                    file.flush()
            if self._rotate.is_set():
                rotations += 1
                self.log.rename(self.log.with_suffix(f".log.{rotations}"))
                self._rotate.clear()
                self._rotated.set()


def have_arrived(positions: dict[str, int], records: list[Record]) -> bool:
    """Every stream has arrived up to its position."""
    return all(
        any(range_of(record).id == stream and range_of(record).end == position for record in records)
        for stream, position in positions.items()
        if position
    )


def test_kill_9_in_the_middle_and_every_line_is_there_once(
    tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader
) -> None:
    """Positions on the disk are never ahead of the topic, and what is sent again has the stream and range it had."""
    with configured(tmp_path, broker.bootstrap_servers).start() as agent:
        with Writer(logs / "a.log", topic.records) as writer:
            for target in (3_000, 20_000, 50_000):
                topic.read_count(target)
                agent.kill()
                topic.read_until(partial(have_arrived, saved(tmp_path)))
                writer.rotate()
                agent.start()
                writer.rotate()
        topic.read_until(lambda records: len({record.message for record in records}) >= len(writer.written), 240)
        assert agent.stop() == 0
    assert lines_of(topic.records) == writer.written


def test_the_broker_goes_away_and_comes_back(tmp_path: Path, logs: Path) -> None:
    port = free_port()
    servers = f"localhost:{port}"
    broker = Part("broker", "--data", str(tmp_path / "box"), settings={"broker.port": port, "broker.metrics_port": 0})
    agent = configured(tmp_path, servers)
    (logs / "a.log").write_text("before\n")
    agent.start()
    assert "waiting for the broker at " + servers in agent.await_line("ready")
    assert agent.await_line("WARNING").endswith(f"waiting for the broker at {servers}: Connection refused")
    topic = TopicReader(servers)
    with broker.start():
        topic.read_count(1)
        broker.kill()
        with (logs / "a.log").open("a") as file:
            file.writelines(f"line {number}\n" for number in range(1000))
        agent.await_line("is away")
        broker.start()
        records = topic.read_count(1001)
        agent.await_line("is back")
        assert agent.stop() == 0
    topic.close()
    assert lines_of(records)["line 999"] == 1
    assert sum(lines_of(records).values()) == 1001
    assert sum("is away" in line for line in agent.lines) == 1


def test_a_stop_without_a_broker_loses_nothing(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    (logs / "a.log").write_text("one\n")
    lonely = configured(tmp_path, f"localhost:{free_port()}").start()
    assert lonely.stop() == 0
    with configured(tmp_path, broker.bootstrap_servers):
        assert [record.message for record in topic.read_count(1)] == ["one"]


def test_copytruncate_under_the_agent(tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader) -> None:
    log = logs / "a.log"
    log.write_text("".join(f"first {number}\n" for number in range(100)))
    with configured(tmp_path, broker.bootstrap_servers):
        topic.read_count(100)
        shutil.copyfile(log, logs / "a.log.1")
        log.write_text("second\n")
        records = topic.read_count(101)
    assert records[-1].message == "second"
    assert range_of(records[-1]).start == 0
    assert range_of(records[-1]).id != range_of(records[0]).id


def test_lines_above_the_rate_are_dropped_and_said_so(
    tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader
) -> None:
    (logs / "a.log").write_text("".join(f"line {number}\n" for number in range(100)))
    with configured(tmp_path, broker.bootstrap_servers, source="max_lines_per_second = 10"):
        records = topic.read_count(11)
    assert [record.message for record in records[:10]] == [f"line {number}" for number in range(10)]
    assert records[10].attrs == {"dropped_lines": 90}
    assert range_of(records[10]).end == (logs / "a.log").stat().st_size
    assert range_of(records[9]).end == range_of(records[10]).start


def test_positions_that_are_damaged_stop_the_start(tmp_path: Path, logs: Path, broker: Broker) -> None:
    (tmp_path / "data" / "agent").mkdir(parents=True)
    positions = tmp_path / "data" / "agent" / "positions.json"
    positions.write_text("{")
    agent = configured(tmp_path, broker.bootstrap_servers)
    ended = run(*agent.arguments)
    assert ended.returncode == 1
    assert f"logpost: the agent's positions {positions} are damaged" in ended.stderr
    assert positions.read_text() == "{"


def test_a_second_agent_on_the_same_data_does_not_start(tmp_path: Path, logs: Path, broker: Broker) -> None:
    with configured(tmp_path, broker.bootstrap_servers) as agent:
        ended = run(*agent.arguments)
    assert ended.returncode == 1
    assert f"{tmp_path}/data/agent is in use by process {agent.process.pid}" in ended.stderr


def test_without_a_source_the_error_says_what_to_configure(tmp_path: Path) -> None:
    ended = run("agent", "--data", str(tmp_path))
    assert ended.returncode == 2
    assert "[[agent.source]]" in ended.stderr


def test_a_wrong_source_is_named(tmp_path: Path, logs: Path) -> None:
    for source, named in (
        ('start = "middle"', "agent.source[0].start"),
        ('timezone = "Mars"', "agent.source.timezone"),
    ):
        wrong = configured(tmp_path, "localhost:1")
        config = tmp_path / "logpost.toml"
        config.write_text(config.read_text().replace('timezone = "UTC"', source))
        ended = run(*wrong.arguments)
        assert (ended.returncode, named in ended.stderr) == (2, True), ended.stderr


def test_a_full_disk_holds_up_new_files_and_loses_nothing(
    tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader
) -> None:
    (logs / "a.log").write_text("one\n")
    in_the_way = tmp_path / "data" / "agent" / "positions.json.new"  # a directory: root writes whatever the rights
    with configured(tmp_path, broker.bootstrap_servers) as agent:
        topic.read_count(1)
        in_the_way.mkdir()
        (logs / "b.log").write_text("two\n")
        agent.await_line("positions.json cannot be written: Is a directory")
        in_the_way.rmdir()
        agent.await_line("positions.json can be written again")
        topic.read_count(2)
    assert lines_of(topic.records) == {"one": 1, "two": 1}


def test_a_stop_while_the_disk_is_full_says_so_and_the_next_start_reads_on(
    tmp_path: Path, logs: Path, broker: Broker, topic: TopicReader
) -> None:
    (logs / "a.log").write_text("one\n")
    in_the_way = tmp_path / "data" / "agent" / "positions.json.new"
    in_the_way.mkdir(parents=True)
    agent = configured(tmp_path, broker.bootstrap_servers).start("positions.json cannot be written: Is a directory")
    assert agent.stop() == 1
    assert agent.lines[-2].startswith("logpost: stopped while ")
    in_the_way.rmdir()
    with configured(tmp_path, broker.bootstrap_servers):
        assert [record.message for record in topic.read_count(1)] == ["one"]

"""The source of all files: its cursor, its times, its events."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from logpost.agent.delivery.positions import Host as Writer
from logpost.agent.delivery.positions import PositionsFile
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.source import FileSource
from logpost.agent.sources.source import Source, SourceContext
from logpost.config import FileSourceConfig
from logpost.errors import StartError
from tests.collector.agent.delivery.test_positions import VERSION_1
from tests.collector.agent.harness import START_NS, Topic, append, range_of

NOW_S = START_NS // 1_000_000_000


class Host:
    """Files, and the source that reads them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.topic = Topic()
        self.woken = threading.Event()
        self.counts = Counts()
        self.saves = self.turns = 0
        self._ids = (f"new-{number}" for number in itertools.count(1))
        self._open: list[Source] = []

    def begin(self, machine: str = "") -> FileSource:
        positions = PositionsFile(self.directory / "positions.json", Writer(machine=machine))

        def save() -> None:
            self.saves += 1
            cursor = source.position(NOW_S)
            assert cursor is not None
            positions.save({"file": cursor})

        def turn() -> None:
            self.turns += 1

        context = SourceContext(
            sink=self.topic,
            counts=self.counts,
            save=save,
            new_id=lambda: next(self._ids),
            wake=self.woken.set,
            turn=turn,
        )
        config = FileSourceConfig(paths=(str(self.directory / "*.log"),), timezone="UTC")
        files = FileSet(config, host="web-1", max_line_bytes=4096, forbidden=())
        source = FileSource([files], positions.place("file"), context, poll_seconds=100, partial_line_seconds=1)
        self._open.append(source)
        return source

    def close(self) -> None:
        for source in self._open:
            source.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def read(source: FileSource) -> None:
    source.look(time.monotonic(), START_NS)
    while source.has_work:
        source.turn(time.monotonic(), START_NS)


def cursor_of(source: FileSource) -> list[FilePosition]:
    cursor = source.position(NOW_S)
    assert cursor is not None
    return msgspec.json.decode(cursor, type=list[FilePosition])


def test_a_source_is_one_whatever_its_kind(host: Host) -> None:
    source: Source = host.begin()
    assert (source.has_work, source.position(NOW_S)) == (False, None)
    assert source.due == 0.0, "its first look is due"


def test_a_look_at_many_names_says_that_it_gets_on(host: Host) -> None:
    for number in range(10):
        append(host.directory / f"{number}.log", "one\n")
    host.begin().look(time.monotonic(), START_NS)
    assert host.turns >= 10


def test_the_next_start_goes_on_at_the_cursor(host: Host) -> None:
    append(host.directory / "a.log", "one\n")
    source = host.begin()
    read(source)
    assert host.saves == 1, "before the first line was sent"
    [position] = cursor_of(source)
    assert (position.id, position.offset) == ("new-1", 4)
    PositionsFile(host.directory / "positions.json").save({"file": msgspec.Raw(msgspec.json.encode([position]))})
    source.close()
    append(host.directory / "a.log", "two\n")
    read(host.begin())
    assert [(record.message, range_of(record).id) for record in host.topic.records] == [
        ("one", "new-1"),
        ("two", "new-1"),
    ]


def test_a_cursor_that_has_not_moved_is_the_same(host: Host) -> None:
    (host.directory / "positions.json").write_bytes(VERSION_1)
    source = host.begin("m1")
    assert source.position(NOW_S) is source.position(NOW_S + 1)
    assert [(position.id, position.path, position.offset) for position in cursor_of(source)] == [("s1", "/x.log", 7)]


def test_a_clone_begins_new_streams_where_the_positions_end(host: Host) -> None:
    (host.directory / "positions.json").write_bytes(VERSION_1)
    source = host.begin("clone")
    assert [(position.id, position.offset) for position in cursor_of(source)] == [("new-1", 7)], "before the first scan"


def test_a_damaged_cursor_stops_the_start(host: Host) -> None:
    (host.directory / "positions.json").write_bytes(b'{"version":1,"files":[{"id":"x"}]}')
    with pytest.raises(StartError, match=r"positions\.json are damaged"):
        host.begin()


def test_an_event_is_looked_at_long_before_the_next_scan(host: Host) -> None:
    source = host.begin()
    read(source)
    append(host.directory / "a.log", "one\n")
    deadline = time.monotonic() + 60
    while not host.topic.records:
        assert time.monotonic() < deadline
        host.woken.wait(1)
        host.woken.clear()
        read(source)
    assert host.topic.records[0].message == "one"


def test_a_source_that_may_not_send_looks_still(host: Host) -> None:
    source = host.begin()
    append(host.directory / "a.log", "one\n")
    source.look(time.monotonic(), START_NS)
    assert (source.has_work, host.counts.files, host.topic.records) == (True, 1, [])

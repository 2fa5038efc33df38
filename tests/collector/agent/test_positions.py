"""The positions file."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost.agent.machine import machine_id
from logpost.agent.positions import PositionsFile, Saved, load, load_on
from logpost.agent.sources.file.fingerprint import Fingerprint
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.journal.position import JournalPosition
from logpost.errors import StartError

NOW = 1_795_000_000


def position(number: int, seen: int = NOW) -> FilePosition:
    nothing = Fingerprint(head_length=0, head="", tail_length=0, tail="")
    return FilePosition(
        id=f"stream-{number}", path="/x.log", device=1, inode=number, offset=7, fingerprint=nothing, seen=seen
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = Saved(files=[position(1), position(2)], journal=JournalPosition(id="j", cursor="c", entries=3))
    PositionsFile(tmp_path / "positions.json").save(saved)
    assert load(tmp_path / "positions.json") == saved
    assert [path.name for path in tmp_path.iterdir()] == ["positions.json"]


def test_the_first_start_has_no_positions(tmp_path: Path) -> None:
    assert load(tmp_path / "positions.json") == Saved()


@pytest.mark.parametrize("content", [b'{"version":2}', b'{"version":2,"more":1,"files":[{"id":"x"}]}'])
def test_positions_of_another_release_are_not_called_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "positions.json").write_bytes(content)
    with pytest.raises(StartError, match=r"have version 2; this logpost knows 1: use the release that wrote them$"):
        load(tmp_path / "positions.json")


@pytest.mark.parametrize("content", [b"", b"{", b'{"files":3}', b'{"files":[{"id":"x"}]}', b'{"version":2}', b"\xff"])
def test_a_damaged_file_stops_the_start_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(content)
    with pytest.raises(StartError, match=r"positions\.json"):
        load(path)
    assert path.read_bytes() == content


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    file = PositionsFile(tmp_path / "positions.json")
    file.save(Saved(files=[position(1)]))
    before = (tmp_path / "positions.json").stat()
    file.save(Saved(files=[position(1)]))
    assert (tmp_path / "positions.json").stat().st_ino == before.st_ino


def on(path: Path, machine: str) -> Saved:
    ids = iter(f"new-{number}" for number in range(9))
    return load_on(PositionsFile(path), machine, lambda: next(ids))


def test_a_clone_begins_new_streams_where_the_positions_end(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    journal = JournalPosition(id="j", cursor="c", entries=3)
    PositionsFile(path).save(Saved(machine="original", files=[position(1), position(2)], journal=journal))
    here = on(path, "clone")
    assert here.machine == "clone"
    assert [(one.id, one.offset) for one in here.files] == [("new-0", 7), ("new-1", 7)]
    assert here.journal == JournalPosition(id="new-2", cursor="c", entries=3)
    assert load(path) == here  # before the first line is sent


@pytest.mark.parametrize(("before", "now", "then"), [("a", "a", "a"), ("", "a", "a"), ("a", "", "a"), ("", "", "")])
def test_on_the_same_machine_or_an_unknown_one_the_streams_go_on(
    tmp_path: Path, before: str, now: str, then: str
) -> None:
    path = tmp_path / "positions.json"
    PositionsFile(path).save(Saved(machine=before, files=[position(1)]))
    assert on(path, now) == Saved(machine=then, files=[position(1)])


def test_a_machine_is_known_by_a_hash_of_its_id(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert machine_id([first]) == ""
    first.write_text("uninitialized\n")
    assert machine_id([first]) == ""
    second.write_text("0123456789abcdef0123456789abcdef\n")
    made = machine_id([first, second])
    assert len(made) == 32 and "0123456789abcdef" not in made
    first.write_text("1123456789abcdef0123456789abcdef\n")
    assert machine_id([first]) not in ("", made)

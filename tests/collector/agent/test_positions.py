"""The positions file."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost.agent.fingerprint import Fingerprint
from logpost.agent.positions import FilePosition, JournalPosition, PositionsFile, Saved, load
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

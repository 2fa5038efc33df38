"""The file of deletions: what of it cannot be read costs nothing else, and a write that failed changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpost_web.deletion.book import FILE, MAX_ENDED, UNREADABLE, Book
from logpost_web.deletion.deletion import Deletion

UNREAD: list[Callable[[dict[str, Any]], Any]] = [
    lambda entry: {**entry, "matched": "many"},
    lambda entry: {**entry, "state": "of a newer release"},
    lambda entry: {**entry, "retry_ms": 0.5},
    lambda entry: {"matched": 3},
    lambda _: [1, 2],
    lambda _: None,
]


def asked(name: str, **fields: Any) -> Deletion:
    return Deletion(id=name, created_ms=0, who="somebody", matched=3, **fields)


@pytest.mark.parametrize("spoil", UNREAD)
def test_an_entry_that_cannot_be_read_stays_as_it_is_beside_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    book = Book(tmp_path)
    for name in ("a", "b", "c"):
        book.put(asked(name))
    entries = json.loads((tmp_path / FILE).read_bytes())
    entries[1] = spoil(entries[1])
    (tmp_path / FILE).write_text(json.dumps(entries))
    again = Book(tmp_path)
    assert ([one.id for one in again.all()], again.unread) == (["a", "c"], 1)
    assert caplog.text.count("logpost store delete --list") == 1
    again.put(asked("d"))
    assert json.loads((tmp_path / FILE).read_bytes())[-1] == entries[1]
    assert [one.id for one in Book(tmp_path).all()] == ["a", "c", "d"]


def test_a_deletion_takes_the_place_of_its_entry_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[{"id":"a","matched":"many"}]')
    book = Book(tmp_path)
    book.put(asked("a"))
    assert (Book(tmp_path).unread, Book(tmp_path).get("a")) == (0, asked("a"))


@pytest.mark.parametrize("content", [b"", b"[{", b"{}", b"\xff\x00"])
def test_a_file_that_is_no_list_is_kept_under_another_name(tmp_path: Path, content: bytes) -> None:
    for name in (UNREADABLE, f"{UNREADABLE}.1"):
        (tmp_path / FILE).write_bytes(content)
        book = Book(tmp_path)
        assert book.unread == 1
        assert not (tmp_path / name).exists()  # who only looks changes nothing
        book.put(asked("a"))
        assert (tmp_path / name).read_bytes() == content
        assert (Book(tmp_path).all(), Book(tmp_path).unread) == ([asked("a")], 0)


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_what_could_not_be_written_down_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    book = Book(tmp_path)
    book.put(asked("a"))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if call == "replace":
            patched.setattr(Path, "replace", fail)
        else:
            patched.setattr(os, call, fail)
        for one in (asked("b"), asked("a", state="cancelled")):
            with pytest.raises(OSError, match="No space"):
                book.put(one)
    assert book.all() == [asked("a")]
    book.save()
    assert Book(tmp_path).all() == [asked("a")]


def test_a_directory_that_cannot_be_synced_leaves_the_file_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path)
    book.put(asked("a"))
    real = os.open

    def fail(path: Path, flags: int, *rest: int) -> int:
        if Path(path).is_dir():
            raise OSError(5, "Input/output error")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Input"):
        book.put(asked("b"))
    assert Book(tmp_path).all() == [asked("a")]


def test_those_that_are_over_are_told_of_for_a_while_and_those_that_owe_something_always(tmp_path: Path) -> None:
    book = Book(tmp_path)
    owing = [
        asked("failed", state="failed"),
        asked("cancelled", state="cancelled", is_given_back=True),
        asked("done", state="done"),
        asked("hidden", state="failed", is_hidden=True),
    ]
    over = [asked(f"{number}", state="done", is_recorded=True) for number in range(MAX_ENDED + 2)]
    over[1] = asked("1", state="failed", is_given_back=True)
    book._deletions = {one.id: one for one in [*owing, *over]}
    book.save()
    assert [one.id for one in Book(tmp_path).all()] == [one.id for one in [*owing, *over[2:]]]

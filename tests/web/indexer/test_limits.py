"""What is too large for a row is cut, says so, and costs no more than it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_web.indexer.limits import Limits, cut_attributes, cut_text
from logpost_web.indexer.row import Position, is_cut, to_row
from logpost_web.store.row import Row

LIMITS = Limits(message=100, attributes=400)


def row(value: bytes, size: int = 0) -> Row:
    return to_row(value, Position("logs", 0, "id", 0, 0, size), 0, LIMITS)


def record(message: str, attrs: object = None) -> bytes:
    return json.dumps(
        {"ts": "2026-11-22T10:51:07Z", "level": "error", "message": message, "attrs": attrs or {}}
    ).encode()


def attributes(row: Row) -> dict[str, object]:
    return msgspec.json.decode(row.attrs, type=dict[str, object])


def test_what_fits_stays_whole() -> None:
    made = row(record("é" * 50, {"a": "x" * 300}))
    assert (made.message, made.message_bytes, is_cut(made)) == ("é" * 50, 0, False)


@pytest.mark.parametrize(
    ("message", "kept"), [("x" * 101, "x" * 100), ("é" * 51, "é" * 50), ("x" + "é" * 50, "x" + "é" * 49)]
)
def test_a_message_is_cut_at_the_border_of_a_character(message: str, kept: str) -> None:
    made = row(record(message, {"a": 1}))
    assert (made.message, made.message_bytes, made.level) == (kept, len(message.encode()), "error")
    assert attributes(made) == {"a": 1, "truncated": True}
    assert is_cut(made)


def test_text_of_anyone_is_cut_too() -> None:
    made = row(b"\xff" + b"x" * 200)
    assert (len(made.message.encode()), made.message_bytes) == (100, 203)
    assert attributes(made) == {"logpost.encoding": "not utf-8", "truncated": True}


def test_a_mark_that_is_there_is_not_set_twice() -> None:
    assert attributes(row(record("x" * 200, {"truncated": "at the source"}))) == {"truncated": "at the source"}


def test_a_value_that_was_cut_as_it_arrived_tells_its_size() -> None:
    made = row(b"x" * 100, size=300_000_000)
    assert (made.message, made.message_bytes) == ("x" * 100, 300_000_000)
    assert attributes(made) == {"truncated": True}


def test_small_attributes_stay_and_large_ones_become_their_beginning() -> None:
    made = row(record("m", {"big": 'é"' * 500, "status": 500, "list": list(range(500)), "ratio": 0.5}))
    found = attributes(made)
    assert (found["status"], found["ratio"], found["truncated"]) == (500, 0.5, True)
    assert str(found["big"]).startswith('é"é"')
    assert str(found["list"]).startswith("[0,1,2,")
    assert len(bytes(made.attrs)) <= 400
    assert is_cut(made)
    assert (made.message, made.message_bytes) == ("m", 0)


def test_attributes_without_room_are_counted() -> None:
    found = attributes(row(record("m", {f"k{number}": number for number in range(1000)})))
    assert found["truncated"] is True
    left_out = found["logpost.attributes_left_out"]
    assert left_out == 1000 - (len(found) - 2)
    assert len(found) > 20


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=300) | st.lists(st.integers()), max_size=30))
def test_any_attributes_fit_and_stay_in_their_order(document: dict[str, object]) -> None:
    raw = msgspec.json.encode(document)
    cut = cut_attributes(raw, 400)
    assert len(cut) <= 400
    found = [key for key in msgspec.json.decode(cut) if key in document]
    assert found == [key for key in document if key in found]


@given(st.text(max_size=50), st.integers(0, 60))
def test_cut_text_is_a_beginning(text: str, limit: int) -> None:
    cut = cut_text(text, limit)
    assert text.startswith(cut)
    assert limit - 4 < len(cut.encode()) <= limit or cut == text

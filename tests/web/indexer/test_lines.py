"""Whether a line was sent again, or another line stands at its bytes: also as the real store has it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpost.record import Record, Src
from logpost_web.indexer.block_writer import write
from logpost_web.indexer.lines import Lines, line_of
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.row import Row
from logpost_web.store.store import Store
from logpost_web.store.stored import PLACES_A_STATEMENT, stored_lines

PLACE = ("s", 20)
TS = "2026-11-22T10:51:07.5Z"


def row(*, observed: bool = False, **fields: Any) -> Row:
    src = Src(id="s", start=10, end=20, observed=observed)
    record = Record(**{"ts": TS, "message": "a line", "src": src, **fields})
    return to_row(msgspec.json.encode(record), Position("logs", 0, "id", 0, 0), 0)


def is_known(first: Row, second: Row) -> bool:
    known = Lines([PLACE])
    known.add_row(first)
    return known.has(second)


def test_a_line_sent_again_is_known() -> None:
    assert is_known(row(), row())


@pytest.mark.parametrize(
    "other",
    [
        {"message": "another"},
        {"ts": "2026-11-22T10:51:08.5Z"},
        {"host": "clone"},
        {"service": "shop"},
        {"file": "/var/log/x"},
        {"level": "error"},
        {"trace_id": "t"},
        {"span_id": "s"},
        {"attrs": {"order": 18}},
        {"attrs": {}},
    ],
    ids=str,
)
def test_a_line_that_differs_in_anything_is_another(other: dict[str, Any]) -> None:
    same: dict[str, Any] = {"attrs": {"order": 17}}
    assert not is_known(row(**same), row(**{**same, **other}))


def test_a_line_without_a_time_is_sent_again_with_a_later_one() -> None:
    assert is_known(row(ts=TS, observed=True), row(ts="2026-11-22T10:59:00Z", observed=True))
    assert not is_known(row(ts=TS, observed=True), row(ts="2026-11-22T10:59:00Z", message="another", observed=True))


def test_a_piece_of_a_long_line_is_sent_again_without_what_its_beginning_said() -> None:
    piece: dict[str, Any] = {"attrs": {"continued": True}}
    assert is_known(row(level="error", service="shop", **piece), row(ts="2026-11-22T10:59:00Z", **piece))
    assert not is_known(row(**piece), row(message="another", **piece))


def test_lines_elsewhere_are_not_compared() -> None:
    known = Lines([("s", 30)])
    known.add_row(row())
    known.add(line_of(row()))
    there = row()
    there.stream_to = 30
    assert not known.has(there)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text('ab é\n"\\\x00'),
    st.sampled_from(["1", "1.5", "true", "1e3", "-0.0", "0001", "01/02/2026", "2026-01-02T03:04:05+05:30", "2000/1:1"]),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["a", "b", "c d", "é"]),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ATTRIBUTES, min_size=1, max_size=40))
def test_what_the_store_has_is_known_when_it_comes_again(store: Store, several: list[dict[str, object]]) -> None:
    store.query("TRUNCATE TABLE otel_logs")
    rows = []
    for number, attrs in enumerate(several):
        src = Src(id=f"s{number % 3}", start=number, end=number + 1)
        record = Record(ts=TS, message=f"line\n{number}\x00é", level="error", file="/x", attrs=attrs, src=src)
        rows.append(to_row(msgspec.json.encode(record), Position("logs", 0, "id", number, 0), 0))
    write(store, rows)
    places = [(row.stream_id, row.stream_to) for row in rows]
    known = Lines(places)
    for line in stored_lines(store, places):
        known.add(line)
    for row in rows:
        assert known.has(row), json.dumps(several[row.offset])


@pytest.mark.parametrize(
    "attrs",
    [
        '{"a":1,"a":2}',
        '{"a":{"b":1},"a.b":2}',
        '{"a":1e400}',
        '{"a":1000000000000000000000000000000}',
        "[1]",
        '{"":1}',
        '{"a":[1,"x",null,{"b":[]}]}',
    ],
    ids=lambda attrs: attrs[:20],
)
def test_hostile_attributes_are_known_when_they_come_again(store: Store, attrs: str) -> None:
    value = f'{{"ts":"{TS}","message":"m","attrs":{attrs},"src":{{"id":"s","from":10,"to":20}}}}'
    sent = to_row(value.encode(), Position("logs", 0, "id", 0, 0), 0)
    write(store, [sent])
    known = Lines([PLACE])
    for line in stored_lines(store, [PLACE]):
        known.add(line)
    assert known.has(sent)


def test_many_places_are_asked_for_in_several_statements(store: Store) -> None:
    places = [("s", end) for end in range(1, PLACES_A_STATEMENT + 20)]
    rows = [row(message=str(end)) for _, end in places]
    for one, (_, end) in zip(rows, places, strict=True):
        one.stream_from, one.stream_to = end - 1, end
    write(store, rows)
    assert sorted(int(line.body) for line in stored_lines(store, places)) == [end for _, end in places]
    assert list(stored_lines(store, [])) == []

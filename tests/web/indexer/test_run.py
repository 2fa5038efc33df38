"""Records that are looked at together make the rows that each makes for itself, and the same columns."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpost.record import LEVELS, Record, Src
from logpost_web.indexer.block_writer import write
from logpost_web.indexer.limits import DEFAULT_LIMITS, Limits
from logpost_web.indexer.planner import Piece
from logpost_web.indexer.received import Stretch
from logpost_web.indexer.row import Position, to_row
from logpost_web.indexer.run import FEWEST, LONG_LEVEL, Run, read_run, read_runs
from logpost_web.store.row import Row
from logpost_web.store.store import Store

NOW = 1_795_000_000
TS = b'"ts":"2026-11-30T10:51:07.5Z"'
COLUMNS = "* EXCEPT LogAttributes, toJSONString(LogAttributes), ArrivedAt, RetentionUnit"


def run_of(*values: bytes | None, first: int = 5, limits: Limits = DEFAULT_LIMITS) -> Run | None:
    count = len(values)
    times = [NOW * 1000 + number for number in range(count)]
    run = read_run(Stretch(("logs", 3), list(range(first, first + count)), times, list(values)), limits, NOW)
    if run is not None:
        run.topic_id, run.arrivals = "id%", [one // 1000 for one in times]
    return run


def each(run: Run) -> list[Row]:
    rows = []
    for message in run.messages.each():
        rows.append(to_row(message.value, Position("logs", 3, "id%", message.offset, message.timestamp_ns), NOW))
        rows[-1].arrived_at = message.timestamp_ns // 10**9
    return rows


def stored(store: Store, rows: list[Row], *runs: Run) -> list[tuple[object, ...]]:
    store.command("TRUNCATE TABLE otel_logs")
    write(store, rows, runs)
    return [tuple(row) for row in store.query(f"SELECT {COLUMNS} FROM otel_logs ORDER BY Offset").rows]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"]', '"},{"', "\x1b[1mred\x1b[0m", "Grüße", "\u2028", "a\nb", "%d", "\\u0074", "null", "2026-11-30", "1.50"]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["a", "b.c", "d e", "ü", "offset", "topic", 'q"', "ts"]),
    st.recursive(
        st.none() | st.booleans() | NUMBERS | TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
SRC = st.builds(
    lambda stream, start, length, observed: Src(id=stream, start=start, end=start + length, observed=observed),
    *(st.sampled_from(["s", "t"]), st.integers(0, 5), st.integers(0, 3), st.booleans()),
)
RECORDS = st.builds(
    Record,
    ts=st.sampled_from(["2026-11-30T10:51:07.123456789Z", "1999-12-31T23:59:59Z", "2024-01-29T00:00:00.1Z"]),
    message=TEXTS,
    host=TEXTS,
    service=TEXTS,
    level=st.sampled_from(["", *LEVELS, "loud", "[]", "error!"]),
    trace_id=TEXTS,
    span_id=TEXTS,
    attrs=ATTRIBUTES,
    file=TEXTS,
    src=st.none() | SRC,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, min_size=20, max_size=40))
def test_records_together_are_stored_as_each_is(store: Store, records: list[Record]) -> None:
    run = run_of(*map(msgspec.json.encode, records))
    assert run is not None
    assert stored(store, [], run) == stored(store, each(run))


@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_records_together_are_what_each_is(records: list[Record]) -> None:
    run = run_of(*map(msgspec.json.encode, records))
    assert run is not None
    rows = each(run)
    assert run.rows() == rows
    lines = [Piece(row.stream_id, row.stream_from, row.stream_to) for row in rows if row.stream_id]
    assert Counter(places(run.pieces)) == Counter(places(lines))


def places(pieces: Iterable[Piece]) -> Iterator[tuple[str, int]]:
    return ((stream, place) for stream, start, end in pieces for place in range(start, end))


def test_lines_of_files_that_follow_one_another_are_one_piece_each() -> None:
    lines = [("s", 5, 7), ("t", 0, 3), ("s", 7, 9), ("t", 3, 4), ("s", 20, 22), ("s", 9, 11)]
    srcs = [Src(id=stream, start=start, end=end) for stream, start, end in lines]
    run = run_of(*(msgspec.json.encode(Record(ts="2026-11-30T10:51:07Z", message="", src=src)) for src in srcs))
    assert run is not None
    assert sorted(piece for piece in run.pieces if piece.start < piece.end) == [
        ("s", 5, 11),
        ("s", 20, 22),
        ("t", 0, 4),
    ]


@pytest.mark.parametrize(
    "value",
    [
        *(None, b"", b"text", b"{}", b"[1]", b'{"ts":"2026-11-30T10:51:07Z"}', b'\xef\xbb\xbf{%s,"message":"m"}' % TS),
        *(b'{%s,"message":"m"}garbage' % TS, b'{%s,"message":"m"},{%s,"message":"n"}' % (TS, TS)),
        *(b'{%s,"message":"m","offset":1}' % TS, b'{%s,"message":"m","\\u006fffset":1}' % TS),
        *(b'{%s,"message":"m","host":null}' % TS, b'{%s,"message":"m","level":"WARN"}' % TS),
        *(b'{%s,"message":"m","level":"\\u001b[1mloud"}' % TS, b'{%s,"message":"m","level":" info"}' % TS),
        *(b'{%s,"message":"m","attrs":null}' % TS, b'{%s,"message":"m","attrs":[1]}' % TS),
        *(b'{%s,"message":"m","attrs":{"a":"\xff"}}' % TS, b'{%s,"message":"\xff"}' % TS),
        *(b'{%s,"message":"m","attrs":{"a":1}\n,"src":null}' % TS, b'{%s,"message":"\\ud800"}' % TS),
        *(b'{%s,"message":"m","src":null}' % TS, b'{%s,"message":"m","attrs":{"a":"\\ud800"}}' % TS),
        *(b'{"ts":"%s","message":"m"}' % ts for ts in (b"", b"1", b"2026-02-30T10:51:07Z", b"2023-02-29T10:51:07Z")),
        *(b'{"ts":"%s","message":"m"}' % ts for ts in (b"1601-01-01T00:00:00Z", b"2026-11-30T10:51:07Z\\n")),
        b'{"ts":"2026-11-30T10:51:07Z\\n2026-11-30T10:51:07Z","message":"m"}',
        b'{"ts":"\xd9\xa2026-11-30T10:51:07Z","message":"m"}',
        *(
            b'{%s,"message":"m","src":%s}' % (TS, src)
            for src in (
                *(b'{"id":"","from":0,"to":9}', b'{"id":"s","from":-1,"to":9}', b'{"id":"s","from":9,"to":0}'),
                *(b'{"id":"s","from":0,"to":9223372036854775808}', b'{"id":"s","from":0,"to":9,"x":1}', b'{"id":"s"}'),
            )
        ),
    ],
)
def test_what_is_no_record_as_we_write_it_is_not_taken_with_others(value: bytes | None) -> None:
    good = b'{%s,"message":"good"}' % TS
    assert run_of(good, good) is not None
    assert run_of(good, value, good) is None


def test_what_is_too_long_or_has_no_time_is_not_taken_with_others() -> None:
    good = b'{%s,"message":"good"}' % TS
    assert run_of(good, limits=Limits(len(good), len(good))) is not None
    assert run_of(good, limits=Limits(len(good) - 1, 100)) is None
    assert read_run(Stretch(("logs", 0), [0], [-1], [good]), DEFAULT_LIMITS, NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        b'{%s,"message":"first","message":"m"}' % TS,
        b'{%s,"message":"first","\\u006dessage":"m"}' % TS,
        b'{"\\u0074s":"2026-11-30T10:51:07.5Z","message":"m"}',
        b'{"ts":"1999-11-30T10:51:07.5Z","message":"m",%s}' % TS,
        b'{%s,"message":"m","src":{"id":"s","from":0,"to":1},"src":{"id":"t","from":1,"to":2}}' % TS,
        b'{%s,"message":"m","src":{"id":"s","from":7,"\\u0066rom":1,"to":2}}' % TS,
        b'{%s,"message":"m","attrs":{"a":1},"attrs":{"a":2}}' % TS,
        b'{%s,"message":"m","attrs":{"a":1,"a":2}}' % TS,
        b'{%s,"message":"m","attrs":{"a":1e400}}' % TS,
        b' {\t%s,\n"message" : "m"\r} ' % TS,
        b'{%s,"message":"m","attrs":{"offset":1,"topic":"x","record":{}}}' % TS,
        b'{%s,"message":"m\\"]\\n[\\"logs\\""}' % TS,
    ],
)
def test_hostile_messages_are_stored_as_they_were_planned(store: Store, value: bytes) -> None:
    """The store reads a key that comes twice, or in escapes, otherwise than the indexer: it must refuse it."""
    good = b'{%s,"message":"good"}' % TS
    run = run_of(good, value, good)
    assert run is not None
    found = stored(store, [], run)
    [known] = store.query(
        "SELECT Body, toString(Timestamp), Offset, Topic, TopicId, StreamId, StreamFrom, StreamTo FROM otel_logs"
        " WHERE Offset = 6"
    ).rows
    row = each(run)[1]
    ts = "2026-11-30 10:51:07.500000000"
    assert tuple(known) == (row.message, ts, 6, "logs", "id%", row.stream_id, row.stream_from, row.stream_to)
    assert len(found) == 3
    assert found == stored(store, each(run))


def test_a_block_is_one_part_whatever_it_is_made_of(store: Store) -> None:
    values = [b'{%s,"message":"%d"}' % (TS, number) for number in range(40_000)]
    runs = [run_of(*values, first=first) for first in (0, 40_000)]
    odd = to_row(b"text", Position("logs", 3, "id", 90_000, NOW * 10**9), NOW)
    odd.arrived_at = NOW
    write(store, [odd], [run for run in runs if run is not None])
    assert store.query("SELECT count(), uniqExact(_part), sum(Offset) FROM otel_logs").rows == [
        (80_001, 1, sum(range(80_000)) + 90_000)
    ]


def test_rows_are_found_by_the_places_where_they_end() -> None:
    values = [
        msgspec.json.encode(
            Record(ts="2026-11-30T10:51:07Z", message=str(end), src=Src(id="s", start=end - 1, end=end))
        )
        for end in range(1, 5)
    ]
    run = run_of(*values)
    assert run is not None
    assert [row.message for row in run.rows_at({("s", 2), ("t", 3), ("s", 9)})] == ["2"]
    assert list(run.rows_at({("t", 2)})) == []
    assert len(run) == len(list(itertools.chain(run.rows()))) == 4


def test_a_message_that_is_no_record_costs_its_neighbours_little() -> None:
    values: list[bytes | None] = [b'{%s,"message":"good"}' % TS] * 1000
    values[300] = b"text"
    messages = Stretch(("logs", 0), list(range(1000)), [NOW * 1000] * 1000, values)
    parts = list(read_runs(messages, DEFAULT_LIMITS, NOW))
    assert [offset for part, _ in parts for offset in part.offsets] == messages.offsets
    [alone] = [part.offsets for part, run in parts if run is None]
    assert 300 in alone
    assert len(alone) <= FEWEST


def test_levels_that_are_too_long_to_be_remembered_are_not_taken_with_others() -> None:
    assert run_of(b'{%s,"message":"m","level":"%s"}' % (TS, b"x" * LONG_LEVEL)) is not None
    assert run_of(b'{%s,"message":"m","level":"%s"}' % (TS, b"x" * (LONG_LEVEL + 1))) is None

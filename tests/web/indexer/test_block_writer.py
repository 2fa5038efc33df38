"""Every row of a block reaches the real store, whatever its neighbours are like."""

import pytest

from logpost_web.indexer.block_writer import missing, write
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.errors import QueryError
from logpost_web.store.row import Row
from logpost_web.store.store import Store
from logpost_web.store.stored import stored_offsets, stored_ranges

EVENTS = "SELECT value FROM system.events WHERE event"
TS = '"ts":"2026-11-22T10:51:07.123456789Z"'

HOSTILE = {
    "a key twice": f'{{{TS},"message":"m","attrs":{{"a":1,"a":2}}}}',
    "two ways to one path": f'{{{TS},"message":"m","attrs":{{"a":{{"b":1}},"a.b":2}}}}',
    "attributes that are a list": f'{{{TS},"message":"m","attrs":[1]}}',
    "attributes that are null": f'{{{TS},"message":"m","attrs":null}}',
    "a depth of 2,000": f'{{{TS},"message":"m","attrs":{{"a":{"[" * 2000 + "]" * 2000}}}}}',
    "an object 2,000 deep": f'{{{TS},"message":"m","attrs":' + '{"a":' * 2000 + "1" + "}" * 2001,
    "not a number": f'{{{TS},"message":"m","attrs":{{"a":NaN}}}}',
    "a number beyond": f'{{{TS},"message":"m","attrs":{{"a":1e400}}}}',
    "an integer beyond 64 bits": f'{{{TS},"message":"m","attrs":{{"a":{10**30}}}}}',
    "a lone surrogate": f'{{{TS},"message":"m \\ud800"}}',
    "a lone surrogate in an attribute": f'{{{TS},"message":"m","attrs":{{"a":"\\ud800"}}}}',
    "the year 1600": '{"ts":"1600-01-01T00:00:00Z","message":"m"}',
    "the year 9999": '{"ts":"9999-12-31T23:59:59Z","message":"m"}',
    "an empty key": f'{{{TS},"message":"m","attrs":{{"":1}}}}',
    "a type that changes": f'{{{TS},"message":"m","attrs":{{"status":"many"}}}}',
    "zero bytes": f'{{{TS},"message":"m\\u0000m","attrs":{{"a\\u0000b":"\\u0000"}}}}',
}


def row(value: bytes, offset: int) -> Row:
    return to_row(value, Position("logs", 0, "id", offset, 1_795_000_000 * 10**9), 1_795_000_000)


def good(offset: int) -> Row:
    return row(f'{{{TS},"message":"good","attrs":{{"status":200}}}}'.encode(), offset)


def stored(store: Store) -> list[int]:
    return [offset for (offset,) in store.query("SELECT Offset FROM otel_logs ORDER BY Offset").rows]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_stored_and_so_are_its_neighbours(store: Store, name: str) -> None:
    rows = [good(0), good(1), row(HOSTILE[name].encode(), 2), good(3)]
    write(store, rows)
    assert stored(store) == [0, 1, 2, 3]
    status = "toString(getSubcolumn(LogAttributes, 'status'))"
    assert store.query(f"SELECT count() FROM otel_logs WHERE {status} = '200'").rows == [(3,)]


def test_a_block_full_of_hostile_records_is_stored(store: Store) -> None:
    rows = [row(value.encode(), offset) for offset, value in enumerate(HOSTILE.values())]
    write(store, rows)
    assert stored(store) == list(range(len(HOSTILE)))


def test_a_program_whose_every_line_is_hostile_stops_nobody(store: Store) -> None:
    write(store, [row(HOSTILE["a key twice"].encode(), offset) for offset in range(2000)])
    assert stored(store) == list(range(2000))
    # Each insert makes a part: this block was not taken apart.
    assert store.query("SELECT uniqExact(_part) FROM otel_logs").rows == [(1,)]


@pytest.mark.parametrize(
    ("attrs", "stored", "text"),
    [
        ('{"n":1,"a":1e400}', '{"a":"1e400","n":1}', '{"n":1,"a":"1e400"}'),
        ('{"a":1,"a":"x","n":1}', '{"a":[1,"x"],"n":1}', '{"a":[1,"x"],"n":1}'),
        ('{"a":{"b":1},"a.b":2,"n":1}', '{"a":{"b":[1,2]},"n":1}', '{"a":{"b":1},"a.b":2,"n":1}'),
        ('{"a":[{"b":{"c":1},"b.c":2}]}', '{"a":[{"b":{"c":[1,2]}}]}', '{"a":[{"b":{"c":1},"b.c":2}]}'),
        ('{"n":1,"a":"\\ud83d"}', '{"a":"\\\\ud83d","n":1}', ""),
    ],
)
def test_a_value_that_the_store_cannot_hold_costs_only_itself(store: Store, attrs: str, stored: str, text: str) -> None:
    write(store, [row(f'{{{TS},"level":"error","message":"m","attrs":{attrs}}}'.encode(), 0)])
    columns = "toString(Timestamp), SeverityText, Body, toJSONString(LogAttributes), LogAttributesText"
    found = store.query(f"SELECT {columns} FROM otel_logs").rows
    assert found == [("2026-11-22 10:51:07.123456789", "error", "m", stored, text)]


def test_a_store_in_trouble_blames_no_row(store: Store) -> None:
    def failed() -> int:
        return sum(value for (value,) in store.query(f"{EVENTS} = 'FailedInsertQuery'").rows)

    write(store, [good(0)])
    before = failed()
    store.command("ALTER TABLE otel_logs MODIFY SETTING parts_to_throw_insert = 1")
    try:
        with pytest.raises(QueryError) as refused:
            write(store, [row(HOSTILE["a key twice"].encode(), 1), good(2)])
    finally:
        store.command("ALTER TABLE otel_logs RESET SETTING parts_to_throw_insert")
    assert refused.value.is_of_the_moment
    assert failed() == before + 1  # and not once for each half of the block, down to a row as plain text
    assert stored(store) == [0]


def test_times_keep_their_nanoseconds(store: Store) -> None:
    write(store, [good(0)])
    [(ns,)] = store.query("SELECT toUnixTimestamp64Nano(Timestamp) FROM otel_logs").rows
    assert ns == 1_795_344_667_123_456_789


def test_what_is_missing_after_a_failure_is_asked_of_the_store(store: Store) -> None:
    rows = [good(offset) for offset in range(6)]
    write(store, [rows[1], rows[4]])
    assert [row.offset for row in missing(store, rows)] == [0, 2, 3, 5]
    assert [row.offset for row in missing(store, rows[::-1])] == [5, 3, 2, 0]


def test_stored_offsets_are_those_of_this_topic_from_there_on(store: Store) -> None:
    write(store, [good(offset) for offset in (0, 1, 2, 5, 6, 9)])
    assert list(stored_offsets(store, "logs", 0, "id", 1)) == [(1, 3), (5, 7), (9, 10)]
    assert list(stored_offsets(store, "logs", 0, "made again", 0)) == []
    assert list(stored_offsets(store, "logs", 1, "id", 0)) == []


def test_stored_ranges_are_runs_without_a_gap(store: Store) -> None:
    ranges = [(0, 10), (10, 20), (30, 40), (35, 38), (38, 50)]
    values = [
        f'{{{TS},"message":"m","src":{{"id":"{stream}","from":{start},"to":{end}}}}}'.encode()
        for stream in ("s", "t")
        for start, end in reversed(ranges)
    ]
    write(store, [row(value, offset) for offset, value in enumerate(values)])
    found = stored_ranges(store, ["s", "unknown"])
    assert {name: list(ranges) for name, ranges in found.items()} == {"s": [(0, 20), (30, 50)], "unknown": []}

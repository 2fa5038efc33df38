"""Put a block of rows into the store, whatever is in it.

One row that the store cannot take fails its block. Then the attributes of every row that look hostile are mended: what
the store cannot hold becomes text. If the block fails again it is halved until the row that nobody foresaw is alone,
and that one goes in with all its attributes as one text. A row that fails even so is not the cause: the store is.

What failed may be in all the same, whole or in part: a block has rows of several table partitions, and servers say of
rows that they have stored that they failed. So the store is asked before rows are sent again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from logpost_web.indexer import metrics
from logpost_web.indexer.attributes import is_refused
from logpost_web.indexer.row import mended_attributes, plain_attributes
from logpost_web.indexer.run import Run
from logpost_web.store.errors import QueryError
from logpost_web.store.row import RECORDS, Row, encode
from logpost_web.store.store import Store
from logpost_web.store.stored import stored_offsets

DAY = 86_400
MAX_UNITS = 50
"""Table partitions that one insert makes parts in; ClickHouse refuses more than 100."""


def write(store: Store, rows: Sequence[Row], runs: Sequence[Run] = ()) -> None:
    """Insert all rows. Raises QueryError when the store fails; the rows before the failure are then in the store."""
    if not runs:
        for some in _within_units(rows):
            _write(store, some)
        return
    units = {_unit(row) for row in rows} | {_unit_of_run(run) for run in runs}
    if len(units) > MAX_UNITS:
        write(store, [*rows, *rows_of(runs)])
        return
    try:
        store.insert_lines([*encode(rows), *chain.from_iterable(run.lines() for run in runs)], RECORDS)
    except QueryError as error:
        _raise_if_in_doubt(error)
        _write_halves(store, [_disarmed(row) for row in missing(store, [*rows, *rows_of(runs)])])


def rows_of(runs: Iterable[Run]) -> Iterator[Row]:
    return chain.from_iterable(run.rows() for run in runs)


def _within_units(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows of a topic that is read again may have come over months."""
    if not rows:
        return
    if len(set(map(_unit, rows))) <= MAX_UNITS:
        yield rows
        return
    units: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        units[_unit(row)].append(row)
    every = list(units.values())
    for start in range(0, len(every), MAX_UNITS):
        yield [row for unit in every[start : start + MAX_UNITS] for row in unit]


def _unit(row: Row) -> tuple[int, int]:
    return row.retention_class, row.retention_unit or row.arrived_at // DAY


def _unit_of_run(run: Run) -> tuple[int, int]:
    return run.retention_class, run.retention_unit or run.arrivals[0] // DAY


def _write(store: Store, rows: Sequence[Row]) -> None:
    try:
        store.insert_lines(encode(rows), RECORDS)
    except QueryError as error:
        _raise_if_in_doubt(error)
        _write_halves(store, [_disarmed(row) for row in missing(store, rows)])


def _disarmed(row: Row) -> Row:
    if not is_refused(bytes(row.attrs)):
        return row
    metrics.POISON.inc()
    return mended_attributes(row)


def _write_halves(store: Store, rows: Sequence[Row]) -> None:
    if not rows:
        return
    try:
        store.insert_lines(encode(rows), RECORDS)
    except QueryError as error:
        _raise_if_in_doubt(error)
        rows = missing(store, rows)
        if len(rows) == 1:
            store.insert_lines(encode([plain_attributes(rows[0])]), RECORDS)
            metrics.POISON.inc()
            return
        half = len(rows) // 2
        _write_halves(store, rows[:half])
        _write_halves(store, rows[half:])


def _raise_if_in_doubt(error: QueryError) -> None:
    """Without a code it was not the store that refused the rows, but the way to it that broke: they may be in. And what
    ails the store only now is no reason to store a row as text."""
    if not error.code or error.is_of_the_moment:
        raise error


def missing(store: Store, rows: Sequence[Row]) -> list[Row]:
    """The rows that the store does not have; they may be in any order. Raises QueryError."""
    first: dict[tuple[str, int, str], int] = {}
    for row in rows:
        key = row.topic, row.partition, row.topic_id
        first[key] = min(first.get(key, row.offset), row.offset)
    stored = {key: stored_offsets(store, *key, offset) for key, offset in first.items()}
    return [
        row for row in rows if not stored[row.topic, row.partition, row.topic_id].covers(row.offset, row.offset + 1)
    ]

"""Rows that are deleted for good: found by a query, hidden from every statement, then removed from the disk.

What stays is where they stood (`otel_logs_deleted`): their offsets, their bytes of a stream, and 32 bits of a hash that
know a line again when it is sent twice. All that asks what the store has already counts these as there, so nothing
deleted is missed, read again from a topic, or copied by a rebuild.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from logpost_web.query.condition import Condition
from logpost_web.query.statement import where
from logpost_web.query.timerange import TimeRange
from logpost_web.store.schema import DELETED, MATCHED, OLDER, TABLE
from logpost_web.store.store import Store
from logpost_web.store.stored import PLACES_A_STATEMENT, Place, slices

MOST_SERVICES = 20
"""Named in what a query matches."""
SLICE_ROWS = 250_000
"""Rows that one statement hides."""
MARKED_BYTES = 256
"""Of a line, that its mark is made of: settings may cut long ones elsewhere by then."""

_PLACE = "Topic, TopicId, Partition, Offset"
_COLUMNS = f"Deletion, {_PLACE}, StreamId, StreamFrom, StreamTo, Mark"
_MARK = (
    "reinterpretAsUInt32(substring(MD5(concat(StreamId, ' ', toString(StreamTo), ' ',"
    f" substring(Body, 1, {MARKED_BYTES}))), 1, 4))"
)


class Matched(msgspec.Struct, kw_only=True):
    """What a query found. `oldest_ns`, `newest_ns`: of their own times; `arrived`: when the last of them came to its
    topic, Unix seconds. `services`: the most frequent, with their rows."""

    rows: int
    oldest_ns: int
    newest_ns: int
    arrived: int
    services: list[tuple[str, int]]
    topics: list[str]


class DeletedRow(msgspec.Struct, gc=False, rename="pascal"):
    """Where a row stood. `mark`: see `deleted_marks`."""

    deletion: str
    topic: str
    topic_id: str
    partition: int
    offset: int
    stream_id: str
    stream_from: int
    stream_to: int
    mark: int


def match(store: Store, deletion: str, condition: Condition, time_range: TimeRange, most: int | None = None) -> Matched:
    """Remember which rows a query finds now, at most `most`. Raises QueryError."""
    clause, parameters = where(condition, time_range)
    store.command(
        f"INSERT INTO {MATCHED} SELECT {{deletion:String}}, {_PLACE}, StreamId, StreamFrom, StreamTo, {_MARK},"
        " toUnixTimestamp64Nano(Timestamp), toUnixTimestamp(ArrivedAt), ServiceName, _partition_id"
        f" FROM {TABLE} WHERE {clause}{'' if most is None else f' LIMIT {most}'}",
        {**parameters, "deletion": deletion},
    )
    of_it = "WHERE Deletion = {deletion:String}"
    [[rows, oldest, newest, arrived, topics]] = store.query(
        f"SELECT count(), min(Time), max(Time), max(Arrived), arraySort(groupUniqArray(Topic)) FROM {MATCHED} {of_it}",
        {"deletion": deletion},
    ).rows
    services = store.query(
        f"SELECT Service, count() FROM {MATCHED} {of_it} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_SERVICES}",
        {"deletion": deletion},
    ).rows
    return Matched(
        rows=rows,
        oldest_ns=oldest,
        newest_ns=newest,
        arrived=arrived,
        services=[(service, count) for service, count in services],
        topics=[*topics],
    )


def matched(store: Store) -> set[str]:
    """Deletions whose rows are remembered. Raises QueryError."""
    return {one for (one,) in store.query(f"SELECT DISTINCT Deletion FROM {MATCHED}").rows}


def matched_rows(store: Store, deletion: str) -> tuple[int, int]:
    """Of a deletion that are remembered, and at how many places they are: one may be in the store twice. Raises
    QueryError."""
    [[rows, places]] = store.query(
        f"SELECT count(), uniqExact({_PLACE}) FROM {MATCHED} WHERE Deletion = {{deletion:String}}",
        {"deletion": deletion},
    ).rows
    return rows, places


def forget_matched(store: Store, deletion: str) -> None:
    """Raises QueryError."""
    store.command(f"ALTER TABLE {MATCHED} DROP PARTITION {{deletion:String}}", {"deletion": deletion})


def needed_bytes(store: Store, deletion: str) -> int:
    """Room that removing what a query matched takes meanwhile: the largest of its units is written again. Raises
    QueryError."""
    units = store.query(f"SELECT DISTINCT Unit FROM {MATCHED} WHERE Deletion = {{id:String}}", {"id": deletion}).rows
    return max(sizes(store, [unit for (unit,) in units]).values(), default=0)


def sizes(store: Store, units: Collection[str]) -> dict[str, int]:
    """Bytes of the files of these table partitions. Raises QueryError."""
    found = store.query(
        "SELECT partition_id, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        " AND table = {table:String} AND partition_id IN {units:Array(String)} GROUP BY 1",
        {"table": TABLE, "units": list(units)},
    )
    return {unit: int(size) for unit, size in found.rows}


def take(store: Store, deletion: str) -> None:
    """What a query matched counts as deleted from now on. It may be called again. Raises QueryError."""
    store.command(
        f"INSERT INTO {DELETED} ({_COLUMNS}) SELECT {_COLUMNS} FROM {MATCHED} WHERE Deletion = {{deletion:String}}",
        {"deletion": deletion},
    )


def insert(store: Store, rows: Sequence[DeletedRow]) -> None:
    """What was deleted elsewhere. Raises QueryError."""
    store.insert(msgspec.json.Encoder().encode_lines(list(rows)), DELETED)


def counted(store: Store) -> dict[str, int]:
    """Rows of each deletion. Raises QueryError."""
    found = store.query(f"SELECT Deletion, count() FROM {DELETED} FINAL GROUP BY 1")
    return {deletion: int(count) for deletion, count in found.rows}


def rows(store: Store, deletion: str, slice_rows: int) -> Iterator[list[DeletedRow]]:
    """All of a deletion, `slice_rows` at a time. Raises QueryError."""
    after: tuple[object, ...] = ("", "", -1, -1)
    while True:
        found = store.query(
            f"SELECT {_COLUMNS} FROM {DELETED} FINAL WHERE Deletion = {{deletion:String}} AND ({_PLACE}) >"
            " ({topic:String}, {id:String}, {partition:Int32}, {offset:Int64})"
            f" ORDER BY {_PLACE} LIMIT {{limit:UInt32}}",
            {
                "deletion": deletion,
                "limit": slice_rows,
                **dict(zip(("topic", "id", "partition", "offset"), after, strict=True)),
            },
        ).rows
        if not found:
            return
        yield [DeletedRow(*row) for row in found]
        after = tuple(found[-1][1:5])


class Hiding(NamedTuple):
    """Rows of one table partition that statements still see, at offsets [start, end)."""

    unit: str
    start: int
    end: int


# The engine holds the places of a statement in memory, 100 bytes each. By offsets, since rows that arrived together lie
# together: of the others it reads little.
_WITHIN = "Offset >= {start:Int64} AND Offset < {end:Int64}"
_HIDDEN = (
    f"{_WITHIN} AND ({_PLACE}) IN (SELECT {_PLACE} FROM {DELETED}"
    f" WHERE Deletion IN {{deletions:Array(String)}} AND {_WITHIN})"
)


def to_hide(store: Store, deletions: Collection[str]) -> list[Hiding]:
    """What is left to hide of these deletions. Raises QueryError."""
    return list(_units(store, deletions, ""))


def on_disk(store: Store, deletions: Collection[str]) -> list[str]:
    """Table partitions with files that have rows of these deletions, hidden or not. Raises QueryError."""
    return sorted({one.unit for one in _units(store, deletions, " SETTINGS apply_deleted_mask = 0")})


def _units(store: Store, deletions: Collection[str], settings: str) -> Iterator[Hiding]:
    if not deletions:
        return
    asked = {"deletions": list(deletions)}
    for start, end in pairwise(_borders(store, deletions)):
        units = store.query(
            f"SELECT DISTINCT _partition_id FROM {TABLE} WHERE {_HIDDEN} ORDER BY 1{settings}",
            {**asked, "start": start, "end": end},
        )
        yield from (Hiding(unit, start, end) for (unit,) in units.rows)


def _borders(store: Store, deletions: Collection[str]) -> list[int]:
    """Offsets that part their rows into slices of about SLICE_ROWS; none for no rows."""
    asked = {"deletions": list(deletions)}
    of_them = f"FROM {DELETED} WHERE Deletion IN {{deletions:Array(String)}}"
    [[rows, first, last]] = store.query(f"SELECT count(), min(Offset), max(Offset) {of_them}", asked).rows
    if not rows:
        return []
    levels = ", ".join(f"{start / rows:.9f}" for start in range(SLICE_ROWS, rows, SLICE_ROWS))
    inner = store.query(f"SELECT quantilesExact({levels})(Offset) {of_them}", asked).rows[0][0] if levels else []
    return sorted({first, last + 1, *inner})


def hide(store: Store, deletions: Collection[str], hiding: Hiding) -> None:
    """No statement sees these rows afterwards. Raises QueryError."""
    for table in (TABLE, OLDER) if store.reads_older else (TABLE,):
        store.command(
            f"DELETE FROM {table} IN PARTITION ID '{hiding.unit}' WHERE {_HIDDEN}"
            " SETTINGS lightweight_deletes_sync = 2, allow_nondeterministic_mutations = 1",
            {"deletions": list(deletions), "start": hiding.start, "end": hiding.end},
        )


def end_hidings(store: Store) -> None:
    """Give up what `hide` left under way when its process ended: the engine goes on with it. Raises QueryError."""
    store.command(
        "KILL MUTATION WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done"
        " AND position(command, '_row_exists') > 0 AND position(command, {deleted:String}) > 0",
        {"table": TABLE, "deleted": DELETED},
    )


def masked_parts(store: Store, units: Collection[str]) -> dict[str, int]:
    """Of these table partitions those with parts that hide rows, and how many such parts. Raises QueryError."""
    found = store.query(
        "SELECT partition_id, count() FROM system.parts WHERE active AND has_lightweight_delete"
        " AND database = currentDatabase() AND table = {table:String} AND partition_id IN {units:Array(String)}"
        " GROUP BY 1",
        {"table": TABLE, "units": list(units)},
    )
    return {unit: int(count) for unit, count in found.rows}


def begin_removal(store: Store, unit: str) -> None:
    """Write the parts of a table partition again, without what they hide. Raises QueryError."""
    store.command(f"ALTER TABLE {TABLE} APPLY DELETED MASK IN PARTITION ID '{unit}' SETTINGS mutations_sync = 0")


class Removal(NamedTuple):
    """One that is not done. `why`: it fails, else empty."""

    id: str
    why: str


def removals(store: Store, units: Collection[str]) -> list[Removal]:
    """From these table partitions. Raises QueryError."""
    found = store.query(
        "SELECT mutation_id, latest_fail_reason FROM system.mutations WHERE NOT is_done AND NOT is_killed"
        " AND database = currentDatabase() AND table = {table:String}"
        " AND position(command, 'APPLY DELETED MASK') > 0 AND multiSearchAny(command, {units:Array(String)})",
        {"table": TABLE, "units": [f"'{unit}'" for unit in units]},
    )
    return [Removal(*row) for row in found.rows]


def end_removal(store: Store, removal: Removal) -> None:
    """Give it up. Raises QueryError."""
    store.command(
        "KILL MUTATION WHERE database = currentDatabase() AND table = {table:String} AND mutation_id = {id:String}",
        {"table": TABLE, "id": removal.id},
    )


def forget(store: Store, deletion: str) -> None:
    """Its rows do not count as deleted any more: the store lacks those that are hidden. Raises QueryError."""
    store.command(
        f"DELETE FROM {DELETED} WHERE Deletion = {{deletion:String}} SETTINGS lightweight_deletes_sync = 2",
        {"deletion": deletion},
    )


def is_deleted(store: Store, topic: str, topic_id: str, partition: int, offset: int) -> bool:
    """Without a `topic_id`, of any topic of that name. Raises QueryError."""
    found = store.query(
        f"SELECT 1 FROM {DELETED} WHERE Topic = {{topic:String}} AND Partition = {{partition:Int32}}"
        f" AND Offset = {{offset:Int64}}{' AND TopicId = {topic_id:String}' if topic_id else ''} LIMIT 1",
        {"topic": topic, "topic_id": topic_id, "partition": partition, "offset": offset},
    )
    return bool(found.rows)


def deleted_marks(store: Store, places: Collection[Place]) -> Iterator[tuple[Place, int]]:
    """Of the lines at these places those that were deleted, with their marks. Raises QueryError."""
    for some in slices(sorted(places), PLACES_A_STATEMENT):
        wanted = set(some)
        found = store.query(
            f"SELECT StreamId, StreamTo, Mark FROM {DELETED} WHERE StreamId IN {{ids:Array(String)}}"
            " AND StreamFrom < StreamTo AND StreamTo IN {ends:Array(UInt64)}",
            {"ids": sorted({stream for stream, _ in some}), "ends": sorted({end for _, end in some})},
        )
        for stream, end, mark in found.rows:
            if (stream, end) in wanted:
                yield (stream, end), mark

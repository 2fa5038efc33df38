"""The SQL that finds rows, newest or oldest first, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from logpost_web.query.columns import Columns
from logpost_web.query.condition import Condition
from logpost_web.query.cursor import Cursor
from logpost_web.query.excerpt import attributes_sql, message_bytes_sql, message_sql
from logpost_web.query.timerange import TimeRange

Order = Literal["asc", "desc"]

DEFAULT_LIMIT = 100
MAX_LIMIT = 5000
MAX_SECONDS = 30
"""A statement that runs longer is ended by the store, with an error that says so."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A page of rows that would be larger is shorter; a single row that is larger is refused."""
LIMITS = f"SETTINGS max_execution_time = {MAX_SECONDS}, max_result_bytes = {MAX_ANSWER_BYTES}"


class FoundRow(NamedTuple):
    """A row of `rows_statement` or `record_statement`. `attributes`: JSON text. `message_bytes`: 0 where `message` is
    all of it."""

    timestamp_ns: int
    topic: str
    partition: int
    offset: int
    host: str
    service: str
    level: str
    message: str
    trace_id: str
    span_id: str
    file: str
    attributes: str
    message_bytes: int


def _selected(columns: Columns, message: str, attributes: str, message_bytes: str) -> str:
    """SQL of a FoundRow."""
    of = columns.fields
    source = (of["topic"], of["partition"], of["offset"], of["host"], of["service"], of["level"])
    rest = (of["trace_id"], of["span_id"], of["file"], attributes, message_bytes)
    return ", ".join((columns.to_ns(columns.time), *source, message, *rest))


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the parameters that it names."""

    sql: str
    parameters: Mapping[str, object]

    def with_limit(self, limit: int) -> Statement:
        """The same with another value of its parameter `limit`."""
        return Statement(self.sql, {**self.parameters, "limit": limit})


def where(condition: Condition, time_range: TimeRange) -> tuple[str, dict[str, object]]:
    """The condition within the time range, and its parameters."""
    clauses = [condition.sql]
    parameters = dict(condition.parameters)
    columns = condition.columns
    if time_range.start_ns is not None:
        clauses.append(f"{columns.time} >= {columns.from_ns('{start:Int64}')}")
        parameters["start"] = time_range.start_ns
    if time_range.end_ns is not None:
        clauses.append(f"{columns.time} < {columns.from_ns('{end:Int64}')}")
        parameters["end"] = time_range.end_ns
    return " AND ".join(clauses), parameters


def rows_statement(
    condition: Condition,
    time_range: TimeRange,
    *,
    order: Order,
    limit: int,
    after: Cursor | None,
    around: Sequence[str] = (),
) -> Statement:
    """At most `limit` rows behind `after` in this order; of a long message the part around the first of these texts."""
    clause, parameters = where(condition, time_range)
    columns = condition.columns
    key = [columns.time, *_place(columns)]
    if after is not None:
        side, moment = "<" if order == "desc" else ">", columns.from_ns("{after_time:Int64}")
        # The first comparison follows from the second; the primary key understands only the first.
        clause += (
            f" AND {columns.time} {side}= {moment}"
            f" AND ({', '.join(key)}) {side} ({moment},"
            " {after_topic:String}, {after_partition:Int32}, {after_offset:Int64})"
        )
        parameters |= {
            "after_time": after.timestamp_ns,
            "after_topic": after.topic,
            "after_partition": after.partition,
            "after_offset": after.offset,
        }
    selected = _selected(columns, message_sql(columns), attributes_sql(columns), message_bytes_sql(columns))
    return Statement(
        f"SELECT {selected} FROM {columns.table} WHERE {clause}"
        f" ORDER BY {', '.join(f'{column} {order.upper()}' for column in key)}"
        f" LIMIT {{limit:UInt32}} {LIMITS}",
        {**parameters, "limit": limit, "around": list(around)},
    )


def record_statement(topic: str, partition: int, offset: int, columns: Columns) -> Statement:
    """The row of a record, its message as the store has it; none where there is none."""
    selected = _selected(columns, columns.fields["message"], columns.attrs_text, columns.message_bytes)
    of_topic, of_partition, of_offset = _place(columns)
    return Statement(
        f"SELECT {selected} FROM {columns.table} WHERE {of_topic} = {{topic:String}}"
        f" AND {of_partition} = {{partition:Int32}} AND {of_offset} = {{offset:Int64}}"
        # A topic that was deleted and made again has these offsets twice.
        f" ORDER BY {columns.indexed_at} DESC LIMIT 1 {LIMITS}",
        {"topic": topic, "partition": partition, "offset": offset},
    )


def _place(columns: Columns) -> tuple[str, str, str]:
    """The columns of a record's address."""
    return columns.fields["topic"], columns.fields["partition"], columns.fields["offset"]

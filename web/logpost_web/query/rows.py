"""The SQL that finds rows, newest or oldest first, a page at a time."""

from __future__ import annotations

from typing import NamedTuple

from logpost_web.query.columns import Columns
from logpost_web.query.condition import compile_condition
from logpost_web.query.cursor import Cursor
from logpost_web.query.excerpt import attributes_sql, message_bytes_sql, message_sql, texts
from logpost_web.query.search import Search
from logpost_web.query.statement import LIMITS, Statement, where


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

    @property
    def cursor(self) -> Cursor:
        """For the rows behind it."""
        return Cursor(self.timestamp_ns, self.topic, self.partition, self.offset)


def rows_statement(search: Search, columns: Columns) -> Statement:
    """FoundRows; of a long message the part around the first of what the query looks for. Raises QuerySyntaxError."""
    clause, parameters = where(compile_condition(search.query, columns), search.time_range)
    direction = search.order.upper()
    key = (columns.time, *_place(columns))
    if search.after is not None:
        side, moment = "<" if search.order == "desc" else ">", columns.from_ns("{after_time:Int64}")
        # The first comparison follows from the second; the primary key understands only the first.
        clause += (
            f" AND {columns.time} {side}= {moment}"
            f" AND ({', '.join(key)}) {side} ({moment},"
            " {after_topic:String}, {after_partition:Int32}, {after_offset:Int64})"
        )
        parameters |= {
            "after_time": search.after.timestamp_ns,
            "after_topic": search.after.topic,
            "after_partition": search.after.partition,
            "after_offset": search.after.offset,
        }
    selected = _selected(columns, message_sql(columns), attributes_sql(columns), message_bytes_sql(columns))
    return Statement(
        f"SELECT {selected} FROM {columns.table} WHERE {clause}"
        f" ORDER BY {', '.join(f'{column} {direction}' for column in key)}"
        f" LIMIT {{limit:UInt32}} {LIMITS}",
        {**parameters, "limit": search.limit, "around": texts(search.query)},
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


def _selected(columns: Columns, message: str, attributes: str, message_bytes: str) -> str:
    """SQL of a FoundRow."""
    of = columns.fields
    source = (of["topic"], of["partition"], of["offset"], of["host"], of["service"], of["level"])
    rest = (of["trace_id"], of["span_id"], of["file"], attributes, message_bytes)
    return ", ".join((columns.to_ns(columns.time), *source, message, *rest))


def _place(columns: Columns) -> tuple[str, str, str]:
    """The columns of a record's address."""
    return columns.fields["topic"], columns.fields["partition"], columns.fields["offset"]

"""The SQL that finds rows, newest or oldest first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from logpost.query.ast import And, Equals, Field, Pattern, Query
from logpost.query.fields import RECORD_FIELDS, resolve
from logpost_web.query.columns import Columns
from logpost_web.query.condition import compile_condition
from logpost_web.query.cursor import Cursor
from logpost_web.query.excerpt import attributes_sql, message_bytes_sql, message_sql, texts
from logpost_web.query.search import Order, Search
from logpost_web.query.statement import LIMITS, Statement, where


class FoundRow(NamedTuple):
    """A row of `rows_statement` or `record_statement`. `attributes`: JSON text. `message_bytes`: 0 where `message` is
    all of it. `topic_id`: beside topic, partition and offset, which a topic that was made again has, too."""

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
    topic_id: str

    @property
    def key(self) -> tuple[int, str, int, int]:
        """By which rows are sorted."""
        return self.timestamp_ns, self.topic, self.partition, self.offset


def rows_statement(search: Search, columns: Columns) -> Statement:
    """FoundRows; of a long message the part around the first of what the query looks for. Raises QuerySyntaxError."""
    condition = compile_condition(search.query, columns)
    clause, parameters = where(condition, search.time_range)
    direction = search.order.upper()
    key = (columns.time, *_place(columns))
    if search.after is not None:
        side, moment = "<" if search.order == "desc" else ">", columns.from_ns("{after_time:Int64}")
        place, after = (
            ", ".join(key),
            f"{moment}, {{after_topic:String}}, {{after_partition:Int32}}, {{after_offset:Int64}}",
        )
        # The first comparison follows from the second; the primary key understands only the first. To sort by the
        # topic's id, too, would cost a page of long messages twice the time.
        clause += (
            f" AND {columns.bucket} {side}= {columns.bucket_of('{after_time:Int64}')} AND ({place}) {side}= ({after})"
            f" AND NOT (({place}) = ({after}) AND {columns.topic_id} IN {{after_topic_ids:Array(String)}})"
        )
        parameters |= {
            "after_time": search.after.timestamp_ns,
            "after_topic": search.after.topic,
            "after_partition": search.after.partition,
            "after_offset": search.after.offset,
            "after_topic_ids": list(search.after.topic_ids),
        }
    sort: tuple[str, ...] = (columns.bucket, *key)
    if condition.matches_all:
        clause, sort = f"{_first_buckets(search.order, clause, columns)} AND {clause}", key
    elif _is_of_a_trace(search.query):
        sort = key  # few rows, which an index finds; to be ready to read in order takes a quarter of the search
    selected = _selected(columns, message_sql(columns), attributes_sql(columns), message_bytes_sql(columns))
    return Statement(
        f"SELECT {selected} FROM {columns.table} WHERE {clause}"
        f" ORDER BY {', '.join(f'{column} {direction}' for column in sort)}"
        f" LIMIT {{limit:UInt32}} {LIMITS}",
        {**parameters, "limit": search.limit, "around": texts(search.query)},
    )


def _is_of_a_trace(query: Query) -> bool:
    """All that it finds has one trace id."""
    match query:
        case And(terms):
            return any(map(_is_of_a_trace, terms))
        case Field(name, Equals(Pattern((trace_id,)))):
            return resolve(name) == RECORD_FIELDS["trace_id"] and trace_id != ""
        case _:
            return False


def _first_buckets(order: Order, clause: str, columns: Columns) -> str:
    """Of the buckets in which the rows of `clause` lie, the first ones, which have all of a page; in SQL.

    Where most rows match, they are found by reading a few. The engine sorts these buckets by the time alone then, for
    which it reads the time of a row and little more, at once and not part beside part: half the CPU of reading them in
    order, and a fraction of the memory. Where few match, to find them twice would cost more than that."""
    last, side = ("min", ">=") if order == "desc" else ("max", "<=")
    return (
        f"{columns.bucket} {side} (SELECT {last}({columns.bucket}) FROM (SELECT {columns.bucket} FROM {columns.table}"
        f" WHERE {clause} ORDER BY {columns.bucket} {order.upper()} LIMIT {{limit:UInt32}}))"
    )


def cursor_behind(page: Sequence[FoundRow], search: Search) -> Cursor:
    """For the rows behind a page, which has one at least."""
    last, after = page[-1], search.after
    given = [row.topic_id for row in page if row.key == last.key]
    if after is not None and after.key == last.key:
        given += after.topic_ids
    return Cursor(*last.key, tuple(given), search.time_range.start_ns, search.time_range.end_ns)


def record_statement(topic: str, partition: int, offset: int, topic_id: str, columns: Columns) -> Statement:
    """The row of a record, its message as the store has it; none where there is none. Without a `topic_id`, that of the
    newest topic of this name."""
    selected = _selected(columns, columns.fields["message"], columns.attrs_text, columns.message_bytes)
    of_topic, of_partition, of_offset = _place(columns)
    of_id = f" AND {columns.topic_id} = {{topic_id:String}}" if topic_id else ""
    return Statement(
        f"SELECT {selected} FROM {columns.table} WHERE {of_topic} = {{topic:String}}"
        f" AND {of_partition} = {{partition:Int32}} AND {of_offset} = {{offset:Int64}}{of_id}"
        # A topic that was deleted and made again has these offsets twice.
        f" ORDER BY {columns.indexed_at} DESC LIMIT 1 {LIMITS}",
        {"topic": topic, "partition": partition, "offset": offset, "topic_id": topic_id},
    )


def _selected(columns: Columns, message: str, attributes: str, message_bytes: str) -> str:
    """SQL of a FoundRow."""
    of = columns.fields
    source = (of["topic"], of["partition"], of["offset"], of["host"], of["service"], of["level"])
    rest = (of["trace_id"], of["span_id"], of["file"], attributes, message_bytes, columns.topic_id)
    return ", ".join((columns.to_ns(columns.time), *source, message, *rest))


def _place(columns: Columns) -> tuple[str, str, str]:
    """The columns of a record's address."""
    return columns.fields["topic"], columns.fields["partition"], columns.fields["offset"]

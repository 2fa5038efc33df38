"""The SQL that finds rows, newest or oldest first, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from logpost_web.query.condition import Condition
from logpost_web.query.cursor import Cursor
from logpost_web.query.excerpt import MESSAGE_BYTES, attributes_sql, message_sql
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


_ATTRIBUTES = "if(LogAttributesText = '', toJSONString(LogAttributes), LogAttributesText)"
_COLUMNS = (
    "toUnixTimestamp64Nano(Timestamp)",
    "Topic",
    "Partition",
    "Offset",
    "HostName",
    "ServiceName",
    "SeverityText",
    message_sql(),
    "TraceId",
    "SpanId",
    "FilePath",
    attributes_sql(_ATTRIBUTES),
    MESSAGE_BYTES,
)
_WHOLE = {message_sql(): "Body", attributes_sql(_ATTRIBUTES): _ATTRIBUTES, MESSAGE_BYTES: "BodyBytes"}
_WHOLE_COLUMNS = tuple(_WHOLE.get(column, column) for column in _COLUMNS)


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
    if time_range.start_ns is not None:
        clauses.append("Timestamp >= fromUnixTimestamp64Nano({start:Int64})")
        parameters["start"] = time_range.start_ns
    if time_range.end_ns is not None:
        clauses.append("Timestamp < fromUnixTimestamp64Nano({end:Int64})")
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
    if after is not None:
        side = "<" if order == "desc" else ">"
        # The first comparison follows from the second; the primary key understands only the first.
        clause += (
            f" AND Timestamp {side}= fromUnixTimestamp64Nano({{after_time:Int64}})"
            f" AND (Timestamp, Topic, Partition, Offset) {side} (fromUnixTimestamp64Nano({{after_time:Int64}}),"
            " {after_topic:String}, {after_partition:Int32}, {after_offset:Int64})"
        )
        parameters |= {
            "after_time": after.timestamp_ns,
            "after_topic": after.topic,
            "after_partition": after.partition,
            "after_offset": after.offset,
        }
    direction = order.upper()
    return Statement(
        f"SELECT {', '.join(_COLUMNS)} FROM otel_logs WHERE {clause}"
        f" ORDER BY Timestamp {direction}, Topic {direction}, Partition {direction}, Offset {direction}"
        f" LIMIT {{limit:UInt32}} {LIMITS}",
        {**parameters, "limit": limit, "around": list(around)},
    )


def record_statement(topic: str, partition: int, offset: int) -> Statement:
    """The row of a record, its message as the store has it; none where there is none."""
    return Statement(
        f"SELECT {', '.join(_WHOLE_COLUMNS)} FROM otel_logs"
        " WHERE Topic = {topic:String} AND Partition = {partition:Int32} AND Offset = {offset:Int64}"
        # A topic that was deleted and made again has these offsets twice.
        f" ORDER BY IndexedAt DESC LIMIT 1 {LIMITS}",
        {"topic": topic, "partition": partition, "offset": offset},
    )

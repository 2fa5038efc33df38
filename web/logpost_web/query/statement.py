"""A statement for the store, and what all that search have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from logpost_web.query.condition import Condition
from logpost_web.query.timerange import TimeRange

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A page of rows that would be larger is shorter; a single row that is larger is refused."""
LIMITS = f"SETTINGS max_result_bytes = {MAX_ANSWER_BYTES}"


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
    # What is said of the bucket follows from what is said of the time; the primary key understands only the first.
    clauses = [condition.sql]
    parameters = dict(condition.parameters)
    columns = condition.columns
    if time_range.start_ns is not None:
        clauses.append(f"{columns.bucket} >= {columns.bucket_of('{start:Int64}')}")
        clauses.append(f"{columns.time} >= {columns.from_ns('{start:Int64}')}")
        parameters["start"] = time_range.start_ns
    if time_range.end_ns is not None:
        clauses.append(f"{columns.bucket} <= {columns.bucket_of('{end:Int64}')}")
        clauses.append(f"{columns.time} < {columns.from_ns('{end:Int64}')}")
        parameters["end"] = time_range.end_ns
    return " AND ".join(clauses), parameters


def regex_statement(regex: str) -> Statement:
    """Fails where the store cannot read this regular expression."""
    return Statement("SELECT match('', {regex:String})", {"regex": regex})

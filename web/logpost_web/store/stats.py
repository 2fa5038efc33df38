"""What the store holds: of which service, of which day, in which column; and what they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from logpost_web.query.statement import Statement
from logpost_web.store.schema import TABLE
from logpost_web.store.store import Store

MAX_SERVICES = 1000
"""Of more the smallest are left out."""

BY_SERVICE = Statement(
    "SELECT ServiceName, toString(toDate(ArrivedAt)), count(), sum(length(Body))"
    f" FROM {TABLE} GROUP BY 1, 2 SETTINGS max_execution_time = 60",
    {},
)
BY_COLUMN = Statement(
    "SELECT column, sum(column_data_compressed_bytes), sum(column_data_uncompressed_bytes) FROM system.parts_columns"
    " WHERE database = currentDatabase() AND table = {table:String} AND active GROUP BY 1 ORDER BY 2 DESC, 1",
    {"table": TABLE},
)

TOTAL = Statement(
    "SELECT sum(bytes_on_disk) FROM system.parts"
    " WHERE database = currentDatabase() AND table = {table:String} AND active",
    {"table": TABLE},
)
STATEMENTS = (BY_SERVICE, BY_COLUMN, TOTAL)


class Service(msgspec.Struct, kw_only=True):
    """`message_bytes`: of its messages, as they were sent. `share`: of the bytes of all messages, from 0 to 1;
    `bytes`: so much of what all rows take. `bytes_per_day`: over the days on which it sent something."""

    service: str
    rows: int
    message_bytes: int
    share: float
    bytes: int
    bytes_per_day: int


class Day(msgspec.Struct, kw_only=True):
    """Of arrival, in UTC."""

    day: str
    rows: int
    message_bytes: int
    bytes: int


class Column(msgspec.Struct, kw_only=True):
    """Of large parts; small ones keep all columns in one file. `ratio`: how many times smaller it is in the store."""

    column: str
    bytes: int
    uncompressed_bytes: int
    ratio: float


class Contents(msgspec.Struct, kw_only=True):
    """The largest first, days in order. `bytes`: of all files of rows; `ratio`: how many times as many their messages
    have; `bytes_per_day`: over the days on which rows arrived, the present one too."""

    rows: int
    message_bytes: int
    bytes: int
    ratio: float
    bytes_per_day: int
    services: list[Service]
    days: list[Day]
    columns: list[Column]


def contents(
    by_service: Sequence[Sequence[Any]], by_column: Sequence[Sequence[Any]], total: Sequence[Sequence[Any]]
) -> Contents:
    """Of the rows of STATEMENTS. A row of the store takes as much of it as its message has of all messages."""
    columns = [
        Column(column=name, bytes=size, uncompressed_bytes=plain, ratio=round(plain / max(size, 1), 2))
        for name, size, plain in by_column
        if size
    ]
    [(all_bytes,)] = total
    services: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    days: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for service, day, rows, size in by_service:
        for sums in (services[service], days[day]):
            sums[0] += rows
            sums[1] += size
            sums[2] += 1
    messages = sum(size for _, size, _ in services.values())
    part = all_bytes / max(messages, 1)
    largest = sorted(services.items(), key=lambda item: (-item[1][1], item[0]))[:MAX_SERVICES]
    return Contents(
        rows=sum(rows for rows, *_ in services.values()),
        message_bytes=messages,
        bytes=all_bytes,
        ratio=round(messages / max(all_bytes, 1), 2),
        bytes_per_day=all_bytes // max(len(days), 1),
        services=[
            Service(
                service=name,
                rows=rows,
                message_bytes=size,
                share=round(size / max(messages, 1), 4),
                bytes=int(size * part),
                bytes_per_day=int(size * part / number),
            )
            for name, (rows, size, number) in largest
        ],
        days=[
            Day(day=day, rows=rows, message_bytes=size, bytes=int(size * part))
            for day, (rows, size, _) in sorted(days.items())
        ],
        columns=columns,
    )


def read(store: Store) -> Contents:
    """Raises QueryError."""
    found = (store.query(one.sql, one.parameters).rows for one in STATEMENTS)
    return contents(*found)

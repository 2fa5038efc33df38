"""A row as the API has it."""

from __future__ import annotations

import msgspec

from logpost.record import format_ts
from logpost_web.query.rows import FoundRow


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One record, addressed by topic, partition and offset, and by `topic_id` where the topic was made again. Trace,
    span and file are left out where there are none. `marks`, when asked for: the places in the message of what was
    searched, as start and end in UTF-16 units. `message_bytes` is there when `message` is only a part: so long is all
    of it."""

    ts: str
    host: str
    service: str
    level: str
    message: str
    attrs: msgspec.Raw
    topic: str
    partition: int
    offset: int
    topic_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    file: str = ""
    marks: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET
    message_bytes: int = 0


def answer_row(row: FoundRow) -> Row:
    return Row(
        ts=format_ts(row.timestamp_ns),
        host=row.host,
        service=row.service,
        level=row.level,
        message=row.message,
        attrs=msgspec.Raw(row.attributes.encode()),
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        topic_id=row.topic_id,
        trace_id=row.trace_id,
        span_id=row.span_id,
        file=row.file,
        message_bytes=row.message_bytes,
    )

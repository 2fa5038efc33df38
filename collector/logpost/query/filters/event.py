"""What a query matches or not: one log record."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Event(msgspec.Struct, kw_only=True):
    """A record as it is stored. `level`: one of `logpost.record.LEVELS`, or the program's own. `attrs`: a JSON object;
    a number may be `msgspec.Raw`, its digits. `partition`, `offset`: None where nobody knows them."""

    message: str
    service: str = ""
    host: str = ""
    level: str = ""
    trace_id: str = ""
    span_id: str = ""
    file: str = ""
    topic: str = ""
    partition: int | None = None
    offset: int | None = None
    attrs: dict[str, object] = msgspec.field(default_factory=dict)


Matcher = Callable[[Event], bool]

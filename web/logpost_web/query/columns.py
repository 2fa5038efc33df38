"""What statements know of the table that they ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A table of log records; all texts are SQL.

    - `fields`: of each of `logpost.query.fields.RECORD_FIELDS` its column, an integer or text; none is NULL.
    - `time`: when it happened. `to_ns` makes Unix nanoseconds of a time, `from_ns` a time of them.
    - `bucket`: by which rows lie in order, a number that grows with the time; `bucket_of` makes it of Unix nanoseconds.
    - `attrs`: the attributes, a column of type JSON. `attrs_text`: the same as the JSON text that was sent.
    - `searched_text`: the message's normal form (`logpost.query.words`), as an index has it.
    - `topic_id`: tells a topic from another of its name, and records at one offset from each other.
    - `message_bytes`: of the message before it was cut, 0 where `message` is all of it.
    - `indexed_at`: when the row came to the table."""

    table: str
    fields: Mapping[str, str]
    time: str
    to_ns: Callable[[str], str]
    from_ns: Callable[[str], str]
    bucket: str
    bucket_of: Callable[[str], str]
    attrs: str
    attrs_text: str
    searched_text: str
    topic_id: str
    message_bytes: str
    indexed_at: str

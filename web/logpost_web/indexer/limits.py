"""What is larger than a row may be is cut, and says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from logpost.config import MIB, StoreConfig
from logpost.formats.json_text import Document, read_json

TRUNCATED = "truncated"
"""The attribute of a row that was cut."""
MISSING = "logpost.attributes_left_out"
"""The attribute that counts those for which there was no room."""
LARGEST_VALUE = 20 * MIB
"""A Kafka message above it is cut before it is read, and is text: reading it costs memory several times over. Not a
setting: what tells a record from another (`indexer/probe.py`) is made of what is kept."""
_LEAST = 64
"""Bytes that a cut value keeps; with less room the attribute is left out."""
_MARKS = 64
"""Bytes that TRUNCATED and MISSING take."""

_encode = msgspec.json.Encoder().encode


class Limits(NamedTuple):
    """In bytes of UTF-8. `attributes`: their JSON."""

    message: int
    attributes: int

    @classmethod
    def of(cls, config: StoreConfig) -> Limits:
        return cls(config.max_message_bytes, config.max_attributes_bytes)


DEFAULT_LIMITS = Limits.of(StoreConfig())
UNLIMITED = Limits(LARGEST_VALUE, LARGEST_VALUE)


def cut_text(text: str, limit: int) -> str:
    """At the border of a character."""
    return text.encode()[:limit].decode(errors="ignore")


def cut_attributes(raw: bytes, limit: int) -> bytes:
    """JSON of at most `limit` bytes, if that is more than the marks: the small attributes whole, the large ones as the
    beginning of their text."""
    document = read_json(raw.decode(errors="replace")) or {}
    sizes = {key: len(_encode(key)) + len(_encode(value)) + 2 for key, value in document.items()}
    kept: Document = {}
    room = max(0, limit - _MARKS)
    left = len(sizes)
    for key in sorted(sizes, key=sizes.__getitem__):
        fair = room // left
        left -= 1
        value = document[key] if sizes[key] <= fair else _beginning(document[key], fair - len(_encode(key)) - 4)
        if value is not _NO_ROOM:
            kept[key] = value
            room -= min(sizes[key], fair)
    return _encode(_marked({key: kept[key] for key in document if key in kept}, len(document) - len(kept)))


_NO_ROOM = object()


def _beginning(value: object, room: int) -> object:
    if room < _LEAST:
        return _NO_ROOM
    text = value if isinstance(value, str) else _encode(value).decode()
    while len(encoded := _encode(text)) - 2 > room:  # escapes make JSON longer than its text
        text = text[: min(len(text) - 1, len(text) * room // len(encoded))]
    return text


def _marked(attributes: Mapping[str, object], left_out: int) -> Document:
    return {**attributes, **({MISSING: left_out} if left_out else {}), TRUNCATED: True}

"""A Kafka message → a row of the store. Pure.

A message that is a log record keeps its attributes as the bytes that came: they are checked to be JSON but not taken
apart, because that is where the time goes. Anyone may write to a topic: another JSON object is read as the JSON lines
of files are, and everything else becomes a row whose body is the message's bytes and whose time is the message's own.
What the store refuses all the same gets `mended_attributes`, at the worst `plain_attributes`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from logpost.formats.colours import without_colours
from logpost.formats.fields import read_document, read_level, read_time
from logpost.formats.json_text import Document, read_json
from logpost.formats.levels import LEVEL_OF
from logpost.formats.times import Times
from logpost.record import Src, format_ts, parse_ts
from logpost_web.indexer.attributes import is_rewritten, mended
from logpost_web.indexer.limits import DEFAULT_LIMITS, TRUNCATED, Limits, cut_attributes, cut_text
from logpost_web.store.columns import words_column
from logpost_web.store.row import NO_ATTRIBUTES, Row
from logpost_web.time_limits import MAX_NS, MIN_NS

MAX_STREAM_ID = 200
"""Characters; the ids of all streams that are read are kept in memory."""
UNREAD = "logpost.unread"
"""The attribute of a row whose message could not be read, though it should: the name of the error."""
_NO_RANGE = Src(id="", start=0, end=0)
# A time that the store takes as it is, without being read, as nearly all are: inside its years, and a day that the
# month has in each.
STORE_TIME = (
    r"(?:19|20|21)\d\d-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z"
)
_STORE_TIME = re.compile(STORE_TIME, re.ASCII)
_DAY_DIGITS = 8
"""Of a day as `20261130`."""
_BYTE_ORDER_MARK = "\ufeff".encode()


class RecordFields(msgspec.Struct, gc=False):
    """`logpost.record.Record` as far as the index needs it, with its attributes unopened; its `src` each reader of
    records adds as it takes it."""

    ts: str
    message: str
    host: str = ""
    service: str = ""
    level: str = ""
    trace_id: str = ""
    span_id: str = ""
    attrs: msgspec.Raw = NO_ATTRIBUTES
    file: str = ""


class _Record(RecordFields):
    src: Src | None = None


class ObservedRow(Row):
    """A row whose time is not the line's: it is when an agent first saw it, or saw it again."""


class Position(NamedTuple):
    """Where a message stands. `topic_id` tells a topic from a later one of the same name; `size`: bytes of a value that
    was cut as it arrived, else 0."""

    topic: str
    partition: int
    topic_id: str
    offset: int
    timestamp_ns: int
    size: int = 0


class _OurRecord(_Record, forbid_unknown_fields=True):
    """A record as we write it."""


_our_decoder = msgspec.json.Decoder(_OurRecord)
_encoder = msgspec.json.Encoder()


def to_row(
    value: bytes | None,
    position: Position,
    now_seconds: int,
    limits: Limits = DEFAULT_LIMITS,
    read: Callable[[bytes, Position, int, Limits], Row] | None = None,
) -> Row:
    """Never raises: what is no record becomes a row of text, and so does what `read` (default: `read_row`) fails at,
    with the attribute UNREAD. A mistake in it must not stop the messages behind one."""
    try:
        return (read or read_row)(value or b"", position, now_seconds, limits)
    except Exception as error:  # noqa: BLE001 - anyone may write anything
        return _unread_row(value or b"", position, now_seconds, limits, error)


def _unread_row(value: bytes, position: Position, now_seconds: int, limits: Limits, error: Exception) -> Row:
    text = value.decode(errors="replace")
    message = cut_text(text, limits.message)
    return Row(
        ts=_store_time("", position.timestamp_ns)[0],
        message=message,
        topic=position.topic,
        topic_id=position.topic_id,
        partition=position.partition,
        offset=position.offset,
        indexed_at=now_seconds,
        attrs=msgspec.Raw(_with(b"{}", UNREAD, type(error).__name__)),
        message_bytes=position.size or (len(value) if message != text else 0),
        words=words_column(message),
    )


def read_row(value: bytes, position: Position, now_seconds: int, limits: Limits) -> Row:
    try:
        record: _Record = _our_decoder.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        record = _foreign_record(value, position)
    message_bytes = 0
    if position.size or len(value) > limits.attributes or len(value) > limits.message:
        message_bytes = _cut(record, position.size, limits)
    attributes = sent = bytes(record.attrs)
    timestamp = record.ts
    if not _STORE_TIME.fullmatch(timestamp):
        timestamp, note = _store_time(timestamp, position.timestamp_ns)
        attributes = _with(attributes, "logpost.ts", note) if note else attributes
    if attributes[:1] != b"{":
        attributes = _as_object(attributes)
    if not attributes.isascii():
        attributes = attributes.decode(errors="replace").encode()  # JSON is checked, UTF-8 in strings is not
    level = LEVEL_OF.get(record.level) or (other_level(record.level) if record.level else "")
    message = record.message
    src = record.src
    make = Row if src is None or not src.observed else ObservedRow
    if src is None or not _is_range(src):
        src = _NO_RANGE
    topic, partition, topic_id, offset, *_ = position
    return make(
        timestamp,
        message,
        topic,
        topic_id,
        partition,
        offset,
        now_seconds,
        record.host,
        record.service,
        level,
        record.trace_id,
        record.span_id,
        record.attrs if attributes is sent else msgspec.Raw(attributes),
        attributes.decode() if len(attributes) > 2 and is_rewritten(attributes) else "",
        record.file,
        src.id,
        src.start,
        src.end,
        message_bytes,
        words_column(message),
    )


def _cut(record: _Record, size: int, limits: Limits) -> int:
    """Returns how many bytes the message had before it was cut, 0 when it is whole."""
    attributes = bytes(record.attrs)
    if len(attributes) > limits.attributes:
        record.attrs = msgspec.Raw(cut_attributes(attributes, limits.attributes))
    length = size or len(record.message.encode())
    if not size and length <= limits.message:
        return 0
    record.message = cut_text(record.message, limits.message)
    if TRUNCATED.encode() not in bytes(record.attrs):
        record.attrs = msgspec.Raw(_with(bytes(record.attrs), TRUNCATED, True))
    return length


def is_cut(row: Row) -> bool:
    return row.message_bytes > 0 or bytes(row.attrs).endswith(f'"{TRUNCATED}":true}}'.encode())


def _foreign_record(value: bytes, position: Position) -> _Record:
    """A JSON object as the JSON lines of files are read; anything else is text."""
    text = value.decode(errors="replace")
    is_object = not position.size and value.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] == b"{"
    document = read_json(text.removeprefix("\ufeff")) if is_object else None
    if document is None:
        record = _Record(ts="", message=text)
    else:
        record = _document_record(document, text, position.timestamp_ns)
    if "\ufffd" in text and not _is_utf8(value):
        record.attrs = msgspec.Raw(_with(bytes(record.attrs), "logpost.encoding", "not utf-8"))
    return record


def _document_record(document: Document, text: str, arrived_ns: int) -> _Record:
    # A record of ours that is not quite as we write it: it has a field more, or one that is null.
    is_ours = isinstance(document.get("ts"), str) and isinstance(document.get("message"), str)
    src = _take_src(document) if is_ours else None
    file = document.pop("file") if is_ours and isinstance(document.get("file"), str) else ""
    parsed = read_document(document, text, Times(datetime.UTC), arrived_ns)
    return _Record(
        ts="" if parsed.ts_ns is None else format_ts(parsed.ts_ns),
        message=parsed.message,
        host=parsed.host,
        service=parsed.service,
        level=parsed.level,
        trace_id=parsed.trace_id,
        span_id=parsed.span_id,
        attrs=msgspec.Raw(_encoder.encode(parsed.attrs)),
        file=str(file),
        src=src,
    )


def _take_src(document: Document) -> Src | None:
    try:
        src = msgspec.convert(document.get("src"), Src)
    except msgspec.ValidationError:
        return None
    del document["src"]
    return src


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_range(src: Src) -> bool:
    return 0 < len(src.id) <= MAX_STREAM_ID and 0 <= src.start <= src.end < 2**63


def mended_attributes(row: Row) -> Row:
    """The same row with attributes that the store takes: `logpost_web.indexer.attributes.mended`."""
    attributes, text = mended(bytes(row.attrs))
    return msgspec.structs.replace(row, attrs=msgspec.Raw(attributes), attrs_text=text.decode())


def plain_attributes(row: Row) -> Row:
    """The same row with its attributes as one text."""
    attributes = _as_text(bytes(row.attrs))
    return msgspec.structs.replace(row, attrs=msgspec.Raw(attributes), attrs_text=attributes.decode())


def _store_time(text: str, otherwise_ns: int) -> tuple[str, str]:
    """(the time as the store takes it, a note of the original when it had to be changed)."""
    try:
        # Of digits alone it would read 1796012312345 as the year 1796, which is a number of milliseconds.
        ns: int | None = None if text.isdecimal() and len(text) > _DAY_DIGITS else parse_ts(text)
    except ValueError:
        ns = None
    if ns is None:
        ns = read_time(text, Times(datetime.UTC), otherwise_ns)
    clamped = min(max(otherwise_ns if ns is None else ns, MIN_NS), MAX_NS)
    return format_ts(clamped), "" if clamped == ns else text


def other_level(text: str) -> str:
    """A level that is not written as ours are, or the program's own."""
    return read_level(text, Times(datetime.UTC), 0) or without_colours(text)


def row_time_ns(row: Row) -> int:
    """The row's time in Unix nanoseconds."""
    return parse_ts(row.ts)


def _with(attributes: bytes, key: str, value: str | bool) -> bytes:
    """Attributes with one more; as a text first when they are no object."""
    raw = attributes.strip()
    if not raw.startswith(b"{"):
        raw = _as_object(raw)
    inside = raw[1:-1].strip()
    return b"{" + inside + (b"," if inside else b"") + _encoder.encode(key) + b":" + _encoder.encode(value) + b"}"


def _as_object(attributes: bytes) -> bytes:
    """Attributes that are none."""
    return bytes(NO_ATTRIBUTES) if attributes == b"null" else _as_text(attributes)


def _as_text(attributes: bytes) -> bytes:
    return _encoder.encode({"logpost.attrs": attributes.decode(errors="replace")})

"""Records as we write them that follow one another in a partition, looked at together. Pure.

What one call of a C function does for all of them is not done in Python for each. `read_run` returns nothing for all
that it does not know: then each message is read for itself (`logpost_web.indexer.row`), which makes the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from operator import attrgetter, gt
from typing import Annotated

import msgspec

from logpost.formats.json_text import read_json
from logpost.formats.levels import LEVEL_OF
from logpost.query.filters.event import Event
from logpost.query.words import is_plain
from logpost.record import SEVERITY_NUMBERS
from logpost_web.indexer.attributes import is_rewritten, look_rewritten
from logpost_web.indexer.limits import Limits
from logpost_web.indexer.planner import Piece
from logpost_web.indexer.received import Stretch
from logpost_web.indexer.row import MAX_STREAM_ID, STORE_TIME, Position, RecordFields, other_level, to_row
from logpost_web.store.columns import words_column
from logpost_web.store.row import Row, Shared, splice
from logpost_web.store.stored import Place

FEWEST = 100
"""Messages that are not parted further to find those that can be looked at together."""
LONG_LEVEL = 32
"""Characters; of longer ones nothing is kept in memory."""
_STORE_TIMES = re.compile(rf"(?:{STORE_TIME}\n)+", re.ASCII)


class _Src(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STREAM_ID)]
    start: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name="from")
    end: Annotated[int, msgspec.Meta(le=2**63 - 1)] = msgspec.field(name="to")
    observed: bool = False


class _Record(RecordFields, forbid_unknown_fields=True):
    """`logpost.record.Record`, which has these keys and values and no others."""

    src: _Src | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Record).decode
_ts, _message, _level, _attrs, _src = map(attrgetter, ("ts", "message", "level", "attrs", "src"))
_id, _start, _end = map(attrgetter, ("id", "start", "end"))


@dataclass(slots=True, kw_only=True)
class Run:
    """`size`: bytes of the values. `pieces`: what the records stand for. `words`, `texts`: as `splice` takes them.
    `arrivals`: Unix seconds. What retention says of them, and which topic they are of, is written in once it is known.
    """

    messages: Stretch
    limits: Limits
    now: int
    size: int
    pieces: Sequence[Piece]
    words: Sequence[str]
    texts: Sequence[str]
    topic_id: str = ""
    arrivals: Sequence[int] = ()
    retention_class: int = 0
    retention_unit: int = 0

    def __len__(self) -> int:
        return len(self.messages.offsets)

    def lines(self) -> list[bytes]:
        """As of `logpost_web.store.row.encode`."""
        topic, partition = self.messages.partition
        shared = Shared(topic, self.topic_id, partition, self.now, self.retention_class, self.retention_unit)
        records = [value for value in self.messages.values if value is not None]
        return splice(shared, self.arrivals, self.messages.offsets, self.words, self.texts, records)

    def rows(self) -> list[Row]:
        """Each for itself."""
        rows = []
        for message, arrived in zip(self.messages.each(), self.arrivals, strict=True):
            position = Position(*message.partition, self.topic_id, message.offset, message.timestamp_ns)
            rows.append(row := to_row(message.value, position, self.now, self.limits))
            row.arrived_at = arrived
            row.retention_class, row.retention_unit = self.retention_class, self.retention_unit
        return rows

    def rows_at(self, places: Collection[Place]) -> Iterator[Row]:
        """Those that end in one of `places`, and perhaps others."""
        if any(
            stream == piece.stream and piece.start < end <= piece.end for piece in self.pieces for stream, end in places
        ):
            yield from (row for row in self.rows() if (row.stream_id, row.stream_to) in places)

    def events(self, *, with_attributes: bool) -> Iterator[Event]:
        """Each as rules look at it."""
        records = (_decode(value) for value in self.messages.values if value is not None)
        for offset, record in zip(self.messages.offsets, records, strict=True):
            yield event_of(record, *self.messages.partition, offset, with_attributes=with_attributes)

    def parts(self, marks: Sequence[int]) -> dict[int, Run]:
        """The run by `marks`, of which each message has one. `pieces` stay those of all."""
        return {mark: self._part([one == mark for one in marks]) for mark in dict.fromkeys(marks)}

    def _part(self, chosen: Sequence[bool]) -> Run:
        key, offsets, times, values = self.messages
        kept = list(compress(values, chosen))
        messages = Stretch(key, list(compress(offsets, chosen)), list(compress(times, chosen)), kept)
        return replace(
            self,
            messages=messages,
            size=sum(len(value or b"") for value in kept),
            words=list(compress(self.words, chosen)),
            texts=list(compress(self.texts, chosen)),
            arrivals=list(compress(self.arrivals, chosen)),
        )


def event_of(record: _Record | Row, topic: str, partition: int, offset: int, *, with_attributes: bool) -> Event:
    return Event(
        message=record.message,
        service=record.service,
        host=record.host,
        level=record.level,
        trace_id=record.trace_id,
        span_id=record.span_id,
        file=record.file,
        topic=topic,
        partition=partition,
        offset=offset,
        attrs=(read_json(bytes(record.attrs).decode(errors="replace")) or {}) if with_attributes else {},
    )


def read_runs(messages: Stretch, limits: Limits, now: int) -> Iterator[tuple[Stretch, Run | None]]:
    """`messages` in parts, each as a run if it is one: one message that is no record of ours costs its neighbours
    little."""
    run = read_run(messages, limits, now)
    if run is not None or len(messages.offsets) <= FEWEST:
        yield messages, run
        return
    for half in messages.cut((len(messages.offsets) + 1) // 2):
        yield from read_runs(half, limits, now)


def read_run(messages: Stretch, limits: Limits, now: int) -> Run | None:
    """`messages` as one, when all are records as we write them, which the store takes as they are."""
    try:
        sizes = list(map(len, messages.values))  # type: ignore[arg-type]
        records = list(map(_decode, messages.values))  # type: ignore[arg-type]
    except (TypeError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if max(sizes) > min(limits) or min(messages.milliseconds) < 0:
        return None
    if not all(len(level) <= LONG_LEVEL and _is_stored_as_written(level) for level in set(map(_level, records))):
        return None
    times = _joined(map(_ts, records), len(records))
    pieces = _pieces([src for src in map(_src, records) if src is not msgspec.UNSET])
    texts = _texts(list(map(_attrs, records)), max(sizes))
    if times is None or not _STORE_TIMES.fullmatch(times) or pieces is None or texts is None:
        return None
    is_ascii = is_plain("\n".join(map(_message, records)))
    return Run(
        messages=messages,
        limits=limits,
        now=now,
        size=sum(sizes),
        pieces=pieces,
        words=() if is_ascii else [words_column(record.message) for record in records],
        texts=texts,
    )


@lru_cache(1000)
def _is_stored_as_written(level: str) -> bool:
    return level in SEVERITY_NUMBERS or not level or (level not in LEVEL_OF and other_level(level) == level)


def _joined(texts: Iterable[str], count: int) -> str | None:
    """As lines; None where one of them is more than a line."""
    lines = "\n".join(texts) + "\n"
    return lines if lines.count("\n") == count else None


def _pieces(srcs: Sequence[_Src]) -> Sequence[Piece] | None:
    """None where one is no range."""
    streams, starts, ends = list(map(_id, srcs)), list(map(_start, srcs)), list(map(_end, srcs))
    if any(map(gt, starts, ends)):
        return None
    if srcs and starts[1:] == ends[:-1] and streams.count(streams[0]) == len(streams):
        return [Piece(streams[0], starts[0], ends[-1])]  # the usual case: the lines of one file
    # What one line begins where another ends is one piece with it. Which begin belongs to which end is certain where no
    # pieces overlap, and where they do, others of the same begins and ends do.
    begins, stops = set(zip(streams, starts, strict=True)), set(zip(streams, ends, strict=True))
    if len(begins) < len(srcs) or len(stops) < len(srcs):
        return list(map(Piece, streams, starts, ends))
    pairs = zip(sorted(begins - stops), sorted(stops - begins), strict=True)
    return [Piece(stream, start, end) for (stream, start), (_, end) in pairs]


def _texts(attributes: Sequence[msgspec.Raw], longest: int) -> Sequence[str] | None:
    """The attributes as texts where the store would change them. None where one is no object, or not UTF-8. None of
    them has more than `longest` bytes."""
    lines = b"\n" + b"\n".join(attributes)
    if lines.count(b"\n{") != len(attributes) or lines.count(b"\n") != len(attributes):
        return None
    if not lines.isascii() and not _is_utf8(lines):
        return None
    looking = ((number, bytes(attributes[number])) for number in look_rewritten(lines[1:], longest))
    rewritten = {number: raw.decode() for number, raw in looking if is_rewritten(raw)}
    return [rewritten.get(number, "") for number in range(len(attributes))] if rewritten else ()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

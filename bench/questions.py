"""What `bench.search` asks: twelve kinds of query, in logpost's language and in LogsQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import box, victorialogs
from bench.lines import RARE, SERVICES, WORDS
from bench.sides import Asked

TRACES = 40
PLACE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """The same question of either: `asked` by the store's name."""

    name: str
    asked: dict[str, Asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time of the lines that are loaded, RFC 3339; what comes in later lies behind it."""

    start: str
    end: str


def questions(kind: str, file: Path, span: Span) -> list[Question]:
    """`kind`: of the lines; of system logs other words are asked for, and of neither a name that no line has."""
    word, service, regex, logs_regex = (
        ("refused", SERVICES[0], r"message:/took [89]\d\d ms/", r'_msg:~"took [89]\\d\\d ms"')
        if kind == "fleet"
        else ("rollback", "sshd", r"message:/lasted [89]\d+ s/", r'_msg:~"lasted [89]\\d+ s"')
    )
    part = word[1:-1]
    status = ("status:>=500", "attrs.status:>=500") if kind == "fleet" else ("pid:>=50000", "attrs.pid:>=50000")
    needle = next(_needles(file), "0" * 32)
    phrase = RARE.partition(": ")[2][:18]
    return [
        _rows("trace id", span, *_needle_query(needle)),
        _rows("absent word", span, "zyxwvut", "zyxwvut"),
        _rows("rare phrase, newest 100", span, f'"{phrase}"', f'"{phrase}"'),
        _counts("regular expression", span, regex, logs_regex),
        _counts(f"`{status[0]}` over time", span, *status),
        _counts("service and word", span, f"service:{service} {word}", f'{{service="{service}"}} {word}'),
        _counts("histogram by level", span, "", "*"),
        _rows("newest 100", span, "", "*"),
        _counts("word", span, word, word),
        _counts("substring in any case", span, f"*{part.upper()}*", f'_msg:~"(?i){part.upper()}"'),
        _counts("lines by service", span, "", "*", buckets=1, by="service"),
        _counts("substring", span, f"message:/{part}/", f'_msg:~"{part}"'),
    ]


def _needle_query(needle: str) -> tuple[str, str]:
    """A trace id where lines have some, else a number in a message."""
    if len(needle) == len(f"{0:032x}"):
        return f"trace_id:{needle}", f'trace_id:="{needle}"'
    return needle, needle


class _Told(msgspec.Struct):
    message: str
    trace_id: str = ""


def _needles(file: Path) -> Iterator[str]:
    """Of lines anywhere in the file: trace ids, else hexadecimal numbers of messages."""
    chance = random.Random(5)
    size = file.stat().st_size
    decoder = msgspec.json.Decoder(_Told)
    with file.open("rb") as opened:
        for _ in range(TRACES):
            opened.seek(chance.randrange(max(1, size - PLACE_BYTES)))
            opened.readline()
            for line in opened.readlines(PLACE_BYTES):
                told = decoder.decode(line)
                words = [word for word in told.message.split() if len(word) == 12 and word.isalnum()]
                numbers = [word for word in words if word not in WORDS and not word.isalpha() and not word.isdigit()]
                yield from [told.trace_id] if told.trace_id else numbers[:1]


def _rows(name: str, span: Span, ours: str, theirs: str) -> Question:
    return Question(
        name,
        {
            box.Box.name: box.rows(ours, span.start, span.end),
            victorialogs.VictoriaLogs.name: victorialogs.rows(theirs, span.start, span.end),
        },
    )


def _counts(name: str, span: Span, ours: str, theirs: str, *, buckets: int = 50, by: str = "level") -> Question:
    return Question(
        name,
        {
            box.Box.name: box.counts(ours, span.start, span.end, buckets=buckets, by=by),
            victorialogs.VictoriaLogs.name: victorialogs.counts(theirs, span.start, span.end, buckets=buckets, by=by),
        },
    )

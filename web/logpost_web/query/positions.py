"""Where the characters of a text's normal form stand in the text, so that what was found there can be marked here."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from logpost.query.words import ESCAPES, fold, is_plain

_RUN = re.compile("([\x00-\x7f]+)|[^\x00-\x7f]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]")
_VOICED_MARKS = "\uff9e\uff9f"


class _Piece(NamedTuple):
    """Characters of the text that have a normal form of their own: nothing composes beyond its ends."""

    start: int
    end: int


class Positions:
    """`normal`: the normal form of the text."""

    def __init__(self, text: str) -> None:
        self._pieces = [_Piece(0, len(text))] if is_plain(text) else list(_pieces(text))
        self._normal_starts: list[int] = []
        parts: list[str] = []
        length = 0
        for start, end in self._pieces:
            self._normal_starts.append(length)
            parts.append(fold(text[start:end]))
            length += len(parts[-1])
        self._plain = [text[start:end].isascii() for start, end in self._pieces]
        self.normal = "".join(parts)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the text that became these of its normal form; ends are excluded, `start` < `end`."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._normal_starts, at) - 1
        if not self._plain[number]:
            return self._pieces[number]
        place = self._pieces[number].start + at - self._normal_starts[number]
        return place, place + 1


def _pieces(text: str) -> Iterator[_Piece]:
    at = 0
    for escape in ESCAPES.finditer(text):
        yield from _pieces_between(text, at, escape.start())
        at = escape.end()
    yield from _pieces_between(text, at, len(text))


def _pieces_between(text: str, start: int, end: int) -> Iterator[_Piece]:
    begin = start
    for run in _RUN.finditer(text, start, end):
        at = run.start()
        if at > begin and not (run[1] is None and _composes(text[at - 1], text[at])):
            yield _Piece(begin, at)
            begin = at
        elif at > begin + 1 and text[at - 1].isascii():
            yield _Piece(begin, at - 1)
            begin = at - 1
    if end > begin:
        yield _Piece(begin, end)


def _composes(before: str, character: str) -> bool:
    """Whether a character may be one with that before it."""
    if unicodedata.category(character).startswith("M") or character in _VOICED_MARKS:
        return True
    return bool(_HANGUL.match(before) and _HANGUL.match(character))

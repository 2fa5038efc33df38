"""Bytes of a file → lines with the ranges they stand for. Pure: no file, no clock, no state between calls.

A caller hands in what stands at its read position and goes on at `Split.read`, where the first line that is not yet
complete begins. So a restart, or another process, cuts the same bytes into the same ranges.
"""

from __future__ import annotations

import msgspec

from logpost.agent.stages.event import Event, Mark


class Split(msgspec.Struct, frozen=True):
    """`read`: position of the first byte that is still needed. `claimed`: end of the last line, at or before `read`;
    what lies between was skipped and counts to the next line. `mid_line`: `read` is inside a line already shipped in
    part."""

    lines: list[Event]
    read: int
    claimed: int
    mid_line: bool


def split(data: bytes, *, at: int, claimed: int, mid_line: bool, limit: int, final: bool) -> Split:
    """Cut `data`, which stands at byte `at`, into lines of at most `limit` bytes, a longer line into pieces at borders
    of UTF-8 characters. `final`: what follows the last newline is a line too."""
    cutter = _Cutter(claimed, mid_line, limit)
    body = data.rfind(b"\n") + 1
    cutter.whole_lines(data[:body], at)
    rest = data[body:]
    read = at + body
    if final:
        cutter.line(rest, read, ended=False)
        read = at + len(data)
    elif len(rest) > limit:
        read = cutter.pieces(rest, read)
    return Split(cutter.lines, read, cutter.claimed, cutter.mid_line)


class _Cutter:
    def __init__(self, claimed: int, mid_line: bool, limit: int) -> None:
        self.lines: list[Event] = []
        self.claimed = claimed
        self.mid_line = mid_line
        self._limit = limit

    def whole_lines(self, body: bytes, at: int) -> None:
        """Lines that all end with a newline."""
        if not body.isascii():
            for raw in body.split(b"\n")[:-1]:
                self.line(raw, at, ended=True)
                at += len(raw) + 1
            return
        # Nearly all logs: decoded at once, and characters count like bytes.
        limit, append = self._limit, self.lines.append
        for text in body.decode("ascii").split("\n")[:-1]:
            end = at + len(text) + 1
            if text and text[0] not in "\r\0" and len(text) <= limit and not self.mid_line:
                append(Event(end, text[:-1] if text[-1] == "\r" else text))
                self.claimed = end
            else:
                self.line(text.encode(), at, ended=True)
            at = end

    def line(self, raw: bytes, at: int, *, ended: bool) -> None:
        """One line; `ended`: a newline follows."""
        end = at + len(raw) + ended
        cut = self.pieces(raw, at) - at
        self._piece(raw[cut:].removesuffix(b"\r"), end, Mark.NONE)
        if ended:
            self.mid_line = False

    def pieces(self, raw: bytes, at: int) -> int:
        """Cut pieces from a line while it is longer than the limit; returns where the remainder begins."""
        begin = 0
        while len(raw) - begin > self._limit:
            border = _character_border(raw, begin, begin + self._limit)
            self._piece(raw[begin:border], at + border, Mark.TRUNCATED)
            begin = border
        return at + begin

    def _piece(self, raw: bytes, end: int, marks: Mark) -> None:
        if not self.mid_line:
            # A program that goes on at its old position after copytruncate leaves a hole, which reads as NULs.
            raw = raw.lstrip(b"\0")
        if not raw:
            return
        if self.mid_line:
            marks |= Mark.CONTINUED
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode(errors="replace")
            marks |= Mark.INVALID_UTF8
        self.lines.append(Event(end, text, marks))
        self.claimed = end
        self.mid_line = True


def _character_border(raw: bytes, begin: int, limit: int) -> int:
    """The last border of a UTF-8 character in `raw` that is after `begin` and not after `limit`."""
    for border in range(limit, max(begin, limit - 4), -1):
        if raw[border] & 0xC0 != 0x80:
            return border
    return limit  # not UTF-8

"""The stage that reads what a line says: time, level, fields. Pure."""

from __future__ import annotations

from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Event, Mark
from logpost.formats import LineParser, Parsed

_NONE = Mark.NONE


class Parse:
    """`Event.text` → `Event.parsed`."""

    def __init__(self, parser: LineParser, counts: Counts) -> None:
        self._parse = parser.parse
        self._counts = counts
        self._begun = Parsed("")
        """The beginning of a long line whose pieces come one by one."""

    def apply(self, event: Event, now_ns: int) -> Event:
        marks = event.marks
        if marks is _NONE or not marks & Mark.CONTINUED:
            event.parsed = self._parse(event.text, now_ns)
        else:
            event.parsed = self._continued(event)
        if marks is not _NONE:
            self._tell_marks(event.parsed, marks)
        return event

    def _continued(self, event: Event) -> Parsed:
        """The rest of a line has the time, level and service of its beginning."""
        begun = self._begun
        return Parsed(event.text, ts_ns=begun.ts_ns, level=begun.level, service=begun.service)

    def _tell_marks(self, parsed: Parsed, marks: Mark) -> None:
        attrs = dict(parsed.attrs)
        if marks & Mark.INVALID_UTF8:
            attrs["encoding"] = "invalid utf-8"
            self._counts.invalid_utf8 += 1
        if marks & Mark.TRUNCATED:
            attrs["truncated"] = True
            self._counts.split += 1
        if marks & Mark.CONTINUED:
            attrs["continued"] = True
        parsed.attrs = attrs
        if not marks & Mark.TRUNCATED:
            self._begun = Parsed("")
        elif not marks & Mark.CONTINUED:
            self._begun = parsed

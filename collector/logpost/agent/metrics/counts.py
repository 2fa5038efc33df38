"""What the agent counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Plain numbers, added to by the reading thread: a metrics library would cost more than a line does."""

    lines: int = 0
    bytes: int = 0
    acknowledged: int = 0
    dropped: int = 0
    invalid_utf8: int = 0
    split: int = 0
    shrunk: int = 0
    in_flight: int = 0
    files: int = 0
    files_open: int = 0
    files_rotated: int = 0
    rotated_dropped: int = 0
    files_gone: int = 0
    journal_gaps: int = 0
    journal_lost: int = 0
    backlog_bytes: int = 0
    clock_offset_seconds: float = 0.0
    waiting_since: float = 0.0
    """Of a clock that only goes forward: the last acknowledgement while something waits for one; 0: nothing waits."""

"""What the files of a log tell that was closed in order and is not open: enough to leave it closed.

After a clean end a log is opened at its first use. Ten thousand logs that nobody uses need not be opened every five
minutes to learn that they have nothing to lose.
"""

from __future__ import annotations

import sys
from pathlib import Path

from logpost_broker.log.files import Files
from logpost_broker.log.index import TIME_ENTRY
from logpost_broker.log.recovery import LOG_NAME
from logpost_broker.log.retention import RetentionLimits, SegmentFacts, plan_retention

ALL = sys.maxsize
"""Where the log ends: nothing of a closed log is still to become visible."""


def size_bytes(files: Files, directory: Path) -> int:
    """Of the records. Blocks, and may run in a thread. Raises OSError."""
    return sum(files.status(log).size_bytes for log in _logs(files, directory))


def may_lose_records(files: Files, directory: Path, limits: RetentionLimits, now_ms: int) -> bool:
    """Whether retention has something to delete. Blocks, and may run in a thread: it reads names, sizes and one index
    entry. Raises OSError."""
    logs = _logs(files, directory)
    segments = [
        SegmentFacts(
            base_offset=int(log.stem),
            size_bytes=files.status(log).size_bytes,
            # Nothing goes before the oldest: the others do not matter.
            newest_ms=_newest_ms(files, log) if log is logs[0] else now_ms,
        )
        for log in logs
    ]
    plan = plan_retention(segments, limits, log_start_offset=0, high_watermark=ALL, next_offset=ALL, now_ms=now_ms)
    return plan.log_start_offset > 0


def _logs(files: Files, directory: Path) -> list[Path]:
    return [directory / name for name in files.names(directory) if LOG_NAME.fullmatch(name)]


def _newest_ms(files: Files, log: Path) -> int:
    """An ended segment's newest timestamp is its time index's last entry."""
    entry = files.read_end(log.with_suffix(".timeindex"), TIME_ENTRY.size)
    if len(entry) < TIME_ENTRY.size:
        return files.status(log).modified_ms
    timestamp, _ = TIME_ENTRY.unpack(entry)
    return int(timestamp)

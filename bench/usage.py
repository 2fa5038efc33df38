"""What a process and its children have used so far, as Linux counts it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU in seconds; memory in MiB, resident now and at its peak, and its share of what it maps together with others;
    bytes asked for by reads and taken from the disk; how often a thread woke up because what it waited for came."""

    cpu_seconds: float
    resident_mb: float
    proportional_mb: float
    peak_mb: float
    read_bytes: int
    disk_read_bytes: int
    wakeups: int


def usage_of(pid: int) -> Usage:
    """Summed over the process and its descendants. Raises FileNotFoundError when one of them ends meanwhile."""
    parts = [usage_of_one(number) for number in tree(pid)]
    return Usage(**{field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Usage)})


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    children: list[int] = []
    for task in _threads(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            children += map(int, (task / "children").read_text().split())
    return [pid, *(number for child in children for number in tree(child))]


def usage_of_one(pid: int) -> Usage:
    """Of a process without its children."""
    process = Path(f"/proc/{pid}")
    times = (process / "stat").read_text().rpartition(")")[2].split()
    status = _pairs(process / "status")
    io = _pairs(process / "io")
    return Usage(
        cpu_seconds=(int(times[11]) + int(times[12])) / TICKS_PER_SECOND,
        resident_mb=_mb(status["VmRSS"]),
        proportional_mb=_mb(_pairs(process / "smaps_rollup")["Pss"]),
        peak_mb=_mb(status["VmHWM"]),
        read_bytes=int(io["rchar"]),
        disk_read_bytes=int(io["read_bytes"]),
        wakeups=sum(_wakeups(thread) for thread in _threads(pid)),
    )


def _threads(pid: int) -> Iterator[Path]:
    return Path(f"/proc/{pid}/task").iterdir()


def _wakeups(thread: Path) -> int:
    try:
        return int(_pairs(thread / "status")["voluntary_ctxt_switches"])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _mb(kilobytes: str) -> float:
    return int(kilobytes.split()[0]) / 1024


def _pairs(file: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)

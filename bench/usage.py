"""What a process and its children have used so far, as Linux counts it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU in seconds; memory in MiB, resident now and at its peak; bytes asked for by reads and taken from the disk."""

    cpu_seconds: float
    resident_mb: float
    peak_mb: float
    read_bytes: int
    disk_read_bytes: int


def usage_of(pid: int) -> Usage:
    """Summed over the process and its descendants. Raises FileNotFoundError when one of them ends meanwhile."""
    parts = [_usage_of_one(Path("/proc") / str(number)) for number in _tree(pid)]
    return Usage(
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        resident_mb=sum(part.resident_mb for part in parts),
        peak_mb=sum(part.peak_mb for part in parts),
        read_bytes=sum(part.read_bytes for part in parts),
        disk_read_bytes=sum(part.disk_read_bytes for part in parts),
    )


def _tree(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            children += map(int, (task / "children").read_text().split())
    return [pid, *(number for child in children for number in _tree(child))]


def _usage_of_one(process: Path) -> Usage:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    status = _pairs(process / "status")
    io = _pairs(process / "io")
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        resident_mb=int(status["VmRSS"].split()[0]) / 1024,
        peak_mb=int(status["VmHWM"].split()[0]) / 1024,
        read_bytes=int(io["rchar"]),
        disk_read_bytes=int(io["read_bytes"]),
    )


def _pairs(file: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)

"""Whether a broker has a data directory open, found out without touching its lock."""

from __future__ import annotations

from pathlib import Path

LOCKS = Path("/proc/locks")
INODE_FIELD = 5


def has_running_broker(directory: Path) -> bool:
    """Whether a process holds the lock of the broker's `directory`. Taking the lock to find out could refuse a broker
    that starts at this moment. False where the system has no list of locks."""
    try:
        inode = str((directory / "lock").stat().st_ino)
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return False
    # The device is not compared: file systems of several layers report another one here than stat does.
    held = [line.split() for line in lines if "FLOCK" in line]
    return any(fields[INODE_FIELD].rpartition(":")[2] == inode for fields in held)

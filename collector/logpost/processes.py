"""The processes of this host, as `/proc` shows them; and which of them are parts of logpost, without taking a lock."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PARTS = {"up": "log", "broker": "broker", "web": "store", "agent": "agent"}
"""Part → its directory in the data directory."""
STOPPED = ("T", "t")
"""States of a process that a signal, or a debugger, has stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`groups`: all of its groups. `capabilities`: those in effect, as the kernel's bits. `started`: seconds since the
    boot."""

    pid: int
    name: str
    state: str
    user: int
    groups: frozenset[int]
    capabilities: int
    memory_bytes: int
    started: float


def holder(lock: Path, proc: Path = PROC) -> int | None:
    """The process that has locked the file (`service.DirectoryLock`); None where none has, or this user may not
    know."""
    try:
        pid, inode = int(lock.read_text(encoding="ascii")), lock.stat().st_ino
        locks = (proc / "locks").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    # `1: FLOCK  ADVISORY  WRITE 812 fe:01:393252 0 EOF`; the device is another one on some file systems.
    held = (line.split() for line in locks.splitlines())
    return (
        pid if any(one[1] == "FLOCK" and one[4] == str(pid) and one[5].endswith(f":{inode}") for one in held) else None
    )


def running(data: Path, proc: Path = PROC) -> dict[str, int | None]:
    """Part → its process, None where it does not run."""
    return {part: holder(data / directory / "lock", proc) for part, directory in PARTS.items()}


def used(data: Path) -> frozenset[str]:
    """Parts that have run here, now or before, as far as this user may know."""
    found = set()
    for part, directory in PARTS.items():
        with contextlib.suppress(OSError):
            if (data / directory / "lock").exists():
                found.add(part)
    return frozenset(found)


def unknown(data: Path) -> frozenset[str]:
    """Parts of which this user may not know whether they run."""
    found = set()
    for part, directory in PARTS.items():
        try:
            (data / directory / "lock").open("rb").close()
        except PermissionError:
            found.add(part)
        except OSError:
            continue
    return frozenset(found)


def process(pid: int, proc: Path = PROC) -> Process | None:
    """None where there is no such process."""
    try:
        status = (proc / str(pid) / "status").read_text(errors="replace")
        # The name stands in brackets and may have any character.
        stat = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    groups = {int(one) for one in fields.get("Groups", "").split()} | {int(fields["Gid"].split()[1])}
    return Process(
        pid=pid,
        name=fields["Name"].strip(),
        state=fields["State"].split()[0],
        user=int(fields["Uid"].split()[1]),
        groups=frozenset(groups),
        capabilities=int(fields.get("CapEff", "0"), 16),
        memory_bytes=int(fields.get("VmRSS", "0 kB").split()[0]) * 1024,
        started=int(stat[19]) / os.sysconf("SC_CLK_TCK"),
    )


def started_at(one: Process, proc: Path = PROC) -> float:
    """Unix seconds; 0 where the system does not say when it was booted."""
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "stat").read_text(encoding="ascii").splitlines():
            if line.startswith("btime "):
                return int(line.split()[1]) + one.started
    return 0.0


def opened(proc: Path = PROC) -> Iterator[tuple[int, str]]:
    """(process, what a descriptor of it leads to: `socket:[812]`, `/var/log/syslog`), as far as this user may know."""
    for directory in proc.iterdir():
        if not directory.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for descriptor in (directory / "fd").iterdir():
                with contextlib.suppress(OSError):
                    yield int(directory.name), str(descriptor.readlink())


def user_name(number: int) -> str:
    """`logpost`, or `812` where the number has no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)

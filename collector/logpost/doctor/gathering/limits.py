"""Open files, inotify and memory: what there is, and what is used of it."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

from logpost.config import Config
from logpost.doctor.checks.inotify import InotifyFacts
from logpost.doctor.checks.memory import MemoryFacts
from logpost.doctor.checks.open_files import NEEDS, OpenFilesFacts
from logpost.doctor.gathering.machine import Machine
from logpost.errors import ConfigError
from logpost.processes import opened, process, user_name
from logpost.store_memory import engine_bytes
from logpost.store_url import scheme_and_rest

NO_LIMIT = 1 << 62
"""Above that a limit of memory means none."""


def open_files(machine: Machine, parts: Mapping[str, int | None]) -> Iterator[OpenFilesFacts]:
    """Of the parts that run; where none does, what one would be given that this user starts."""
    pids = {part: pid for part, pid in parts.items() if pid is not None and part in NEEDS}
    for part, pid in pids.items():
        with contextlib.suppress(OSError, ValueError, IndexError):
            limits = (machine.proc / str(pid) / "limits").read_text(encoding="ascii")
            [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
            used: int | None = None
            with contextlib.suppress(OSError):
                used = sum(1 for _ in (machine.proc / str(pid) / "fd").iterdir())
            # The soft limit: broker and web have raised it as far as they may when they started.
            yield OpenFilesFacts(part=part, limit=_number(line.split()[3]), used=used)
    if not pids:
        yield OpenFilesFacts(part="a part started here", limit=resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _number(word: str) -> int:
    return NO_LIMIT if word == "unlimited" else int(word)


def inotify(machine: Machine, agent: int | None) -> InotifyFacts | None:
    """Of the agent's user, or of this one."""
    settings = machine.proc / "sys" / "fs" / "inotify"
    try:
        instances, watches = (int((settings / f"max_user_{name}").read_text()) for name in ("instances", "watches"))
    except (OSError, ValueError):
        return None
    known = process(agent, machine.proc) if agent is not None else None
    user = known.user if known is not None else os.geteuid()
    used_instances = used_watches = 0
    owners: dict[int, bool] = {}
    for pid, leads_to in opened(machine.proc):
        if leads_to != "anon_inode:inotify":
            continue
        if pid not in owners:
            owner = process(pid, machine.proc)
            owners[pid] = owner is not None and owner.user == user
        used_instances += owners[pid]
    for pid, is_ours in owners.items():
        used_watches += _watches(machine.proc / str(pid) / "fdinfo") if is_ours else 0
    return InotifyFacts(
        user=user_name(user),
        instances=used_instances,
        most_instances=instances,
        watches=used_watches,
        most_watches=watches,
    )


def _watches(descriptors: Path) -> int:
    found = 0
    with contextlib.suppress(OSError):
        for file in descriptors.iterdir():
            with contextlib.suppress(OSError):
                found += sum(line.startswith("inotify ") for line in file.read_text(errors="replace").splitlines())
    return found


def memory(machine: Machine, config: Config, parts: Mapping[str, int | None], *, has_web: bool) -> MemoryFacts:
    is_embedded = has_web and _is_embedded(config)
    pid = next((pid for pid in parts.values() if pid is not None), os.getpid())
    group = _control_group(machine, pid)
    total = _total(machine.proc / "meminfo")
    limit = min((limit for limit in _limits(machine.cgroups, group) if limit < NO_LIMIT), default=0)
    return MemoryFacts(
        total_bytes=total,
        limit_bytes=limit,
        store_bytes=engine_bytes(config.store.max_memory_bytes, min(limit or total, total)) if is_embedded else 0,
        killed=_killed(machine.cgroups / group.lstrip("/")),
    )


def _is_embedded(config: Config) -> bool:
    try:
        return scheme_and_rest(config.store.url)[0] == "chdb"
    except ConfigError:
        return False  # `configuration` says so


def _total(file: Path) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(file.read_text(encoding="ascii").split()[1]) * 1024  # `MemTotal:  812 kB`
    return NO_LIMIT


def _control_group(machine: Machine, pid: int) -> str:
    with contextlib.suppress(OSError):
        for line in (machine.proc / str(pid) / "cgroup").read_text(errors="replace").splitlines():
            if line.startswith("0::"):
                return line.removeprefix("0::")
    return "/"


def _limits(root: Path, group: str) -> Iterator[int]:
    """Those of the group and of all around it."""
    directory = root / group.lstrip("/")
    while directory.is_relative_to(root):
        with contextlib.suppress(OSError, ValueError):
            yield int((directory / "memory.max").read_text(encoding="ascii"))
        if directory == root:
            return
        directory = directory.parent


def _killed(directory: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in (directory / "memory.events").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0

"""Whether the user that the agent runs as may read what it is told to read."""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import pwd
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from logpost.agent.host_logs import SYSTEM_LOGS
from logpost.agent.sources.file.paths import PathRules
from logpost.config import Config, FileSourceConfig, JournalSourceConfig
from logpost.config.tables import SourceConfig
from logpost.doctor.checks.sources import FilesFacts, JournalFacts
from logpost.doctor.gathering.machine import Machine
from logpost.processes import process, user_name

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2
READ, LOOK_INTO = 0o4, 0o1
JOURNALS = ("var/log/journal", "run/log/journal")
UNIT_GROUPS = ("adm", "systemd-journal")
"""That the units give to the agent, beside those that its user has."""
JOURNAL_GROUPS = ("systemd-journal", "adm", "wheel")
MOST_FILES = 100_000
HOST_LOGS = "the host's logs"
ACCESS_LIST = "system.posix_acl_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads: its user and groups; `reads_all`: whatever a file's mode says."""

    user: int
    groups: frozenset[int]
    reads_all: bool

    def may(self, path: Path, wanted: int) -> bool:
        """By the mode of the file alone; true for one that is not there, or has an access list."""
        try:
            has_list = hasattr(os, "listxattr") and ACCESS_LIST in os.listxattr(path)
            return has_list or self.may_by_mode(path.stat(), wanted)
        except OSError:
            return True

    def may_by_mode(self, found: os.stat_result, wanted: int) -> bool:
        shift = 6 if found.st_uid == self.user else 3 if found.st_gid in self.groups else 0
        return self.reads_all or bool(found.st_mode >> shift & wanted)

    def denied(self, path: Path, listed: Collection[str] = ()) -> Path | None:
        """What keeps it from the file: the first directory above that it may not look into, or list where it has to, or
        the file itself. `listed`: in which directories it looks for names."""
        above = reversed(path.parents)
        closed = next(
            (one for one in above if not self.may(one, LOOK_INTO) or (str(one) in listed and not self.may(one, READ))),
            None,
        )
        return closed if closed is not None else None if self.may(path, READ) else path


def reader(machine: Machine, agent: int | None, data: Path, unit_user: str) -> Reader:
    """The agent that runs; else the owner of its directory, whom the next start will have; before the first start the
    user of its unit (`unit_user`), where root asks; else this user."""
    known = process(agent, machine.proc) if agent is not None else None
    if known is not None:
        reads_all = bool(known.capabilities & (CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH))
        return Reader(user=known.user, groups=known.groups, reads_all=reads_all)
    user = _next_user(data, unit_user)
    if user == os.geteuid():
        return Reader(user=user, groups=frozenset((os.getegid(), *os.getgroups())), reads_all=user == 0)
    name = user_name(user)
    groups = {one.gr_gid for one in grp.getgrall() if name in one.gr_mem}
    with contextlib.suppress(KeyError):
        groups.add(pwd.getpwuid(user).pw_gid)
    for group in UNIT_GROUPS if name == unit_user else ():
        with contextlib.suppress(KeyError):
            groups.add(grp.getgrnam(group).gr_gid)
    return Reader(user=user, groups=frozenset(groups), reads_all=user == 0 or _is_given_all(machine, name))


def _next_user(data: Path, unit_user: str) -> int:
    with contextlib.suppress(OSError):
        return (data / "agent").stat().st_uid
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(unit_user).pw_uid if os.geteuid() == 0 else os.geteuid()
    return os.geteuid()


def _is_given_all(machine: Machine, name: str) -> bool:
    """By a drop-in of the unit that is called as its user."""
    for drop_in in (machine.root / f"etc/systemd/system/{name}.service.d").glob("*.conf"):
        with contextlib.suppress(OSError):
            if re.search(
                r"^AmbientCapabilities=.*CAP_DAC_READ_SEARCH", drop_in.read_text(errors="replace"), re.MULTILINE
            ):
                return True
    return False


def sources(
    machine: Machine, config: Config, agent: int | None, data: Path, who: Reader
) -> Iterator[FilesFacts | JournalFacts]:
    forbidden = [data / part for part in ("agent", "broker", "store")]
    is_default = not config.agent.source
    for place, source in enumerate(config.agent.source or _of_the_host()):
        key = HOST_LOGS if is_default else f"agent.source[{place}]"
        if isinstance(source, FileSourceConfig):
            yield replace(_files(machine, source, key, who, agent, forbidden), is_default=is_default)
        else:
            yield JournalFacts(
                key=key,
                user=user_name(who.user),
                has_program=shutil.which("journalctl") is not None,
                may_read=_may_read_journal(machine, who),
                is_default=is_default,
            )


def _of_the_host() -> Iterator[SourceConfig]:
    """What `logpost up` reads where nothing is configured."""
    yield FileSourceConfig(paths=SYSTEM_LOGS)
    if shutil.which("journalctl"):
        yield JournalSourceConfig()


def _files(
    machine: Machine, source: FileSourceConfig, key: str, who: Reader, agent: int | None, forbidden: list[Path]
) -> FilesFacts:
    user = user_name(who.user)
    try:
        rules = PathRules(source.paths, source.exclude, forbidden)
    except ValueError as error:
        return FilesFacts(key=key, patterns=source.paths, files=0, user=user, error=str(error))
    found = []
    for path in dict.fromkeys(rules.find()):
        found.append(Path(path))
        if len(found) == MOST_FILES:
            break
    denied = [why for path in found if (why := who.denied(path, rules.listed)) is not None]
    denied += [why for path in rules.unlisted if (why := who.denied(Path(path))) is not None]
    denied += [] if found else [why for pattern in source.paths if (why := who.denied(_fixed(pattern))) is not None]
    return FilesFacts(
        key=key,
        patterns=source.paths,
        files=len(found),
        user=user,
        denied=str(denied[0]) if denied else "",
        denied_count=len(denied),
        hidden=_hidden(machine, found, agent),
    )


def _fixed(pattern: str) -> Path:
    """The part of a pattern before its first wildcard: a directory that the agent looks into."""
    path = Path(pattern).expanduser()
    return next((one for one in (path, *path.parents) if not glob.has_magic(str(one))), path)


def _hidden(machine: Machine, files: list[Path], agent: int | None) -> str:
    """The first of the files that the agent's process does not see, as under ProtectHome= or PrivateTmp= of its
    unit."""
    if agent is None:
        return ""
    root = machine.proc / str(agent) / "root"
    for path in files:
        try:
            seen = (root / path.relative_to("/")).lstat()
            if seen.st_ino != path.lstat().st_ino:
                return str(path)
        except FileNotFoundError:
            return str(path) if path.exists() else ""
        except OSError:
            return ""  # another user's process: only root may look
    return ""


def _may_read_journal(machine: Machine, who: Reader) -> bool:
    """By the mode of its files, or by the groups that their access lists name on most systems. Their directories are
    open to everybody."""
    for name in JOURNAL_GROUPS:
        with contextlib.suppress(KeyError):
            if grp.getgrnam(name).gr_gid in who.groups:
                return True
    found = []
    for directory in JOURNALS:
        for file in (machine.root / directory).glob("*/system.journal"):
            with contextlib.suppress(OSError):
                found.append(file.stat())
    return who.reads_all or not found or any(who.may_by_mode(file, READ) for file in found)

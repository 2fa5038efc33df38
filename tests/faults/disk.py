"""A disk in memory that knows what a crash would leave of it.

A file system keeps two states: what programs see (the page cache), and what is on the medium. A killed process loses
nothing of the first. A power cut leaves the second, and of what was never synced whatever the kernel had written out by
then: any 4 KiB page of a file in any of its versions since the last sync, any of the sizes, and of the changes to a
directory's names none, all, the first few, or any subset, because file systems differ in what they promise.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

PAGE_BYTES = 4096
VERSIONS_KEPT = 24
"""Of a file that is never synced."""

Hook = Callable[[str], None]


class Survival(Enum):
    """How much of what was not synced a power cut leaves."""

    NONE = "none"
    ALL = "all"
    FIRST = "first"
    SOME = "some"


class Contents:
    """A file: what programs see is the last of its versions, the first is on the medium."""

    def __init__(self, versions: Sequence[bytes] = (b"",), never_written: Mapping[int, bytes] | None = None) -> None:
        self.versions = list(versions)
        self._never_written = dict(never_written or {})
        """Pages that a failed sync marked as clean: what the medium has of them. The next sync passes them by."""

    @property
    def data(self) -> bytes:
        return self.versions[-1]

    def change(self, data: bytes) -> None:
        self.versions.append(data)
        if len(self.versions) > VERSIONS_KEPT:
            del self.versions[1]

    def put(self, position: int, data: bytes) -> None:
        before = self.data.ljust(position, b"\0")
        self.change(before[:position] + data + before[position + len(data) :])
        for page in range(position // PAGE_BYTES, (position + len(data) - 1) // PAGE_BYTES + 1):
            self._never_written.pop(page, None)

    def sync(self) -> None:
        written = self._without(self._never_written)
        self.versions = [written, self.data] if self._never_written else [written]

    def _without(self, pages: Mapping[int, bytes]) -> bytes:
        """What programs see, with other content in some pages."""
        data = self.data
        for page, content in pages.items():
            start, end = page * PAGE_BYTES, (page + 1) * PAGE_BYTES
            data = data[:start] + content.ljust(len(data[start:end]), b"\0") + data[end:]
        return data

    def forget_cached(self, position: int) -> None:
        """Read the pages behind `position` from the medium, except those that are still to be written."""
        pages = {page: content for page, content in self._never_written.items() if page >= position // PAGE_BYTES}
        if pages:
            self.change(self._without(pages))
            self._never_written = {page: content for page, content in self._never_written.items() if page not in pages}

    def fail_sync(self) -> None:
        """As Linux does: the error is told once, and the pages count as written."""
        on_medium = self.versions[0]
        for start in range(0, len(self.data), PAGE_BYTES):
            content = on_medium[start : start + PAGE_BYTES]
            if content != self.data[start : start + PAGE_BYTES]:
                self._never_written.setdefault(start // PAGE_BYTES, content)

    def copy(self) -> Contents:
        return Contents(self.versions, self._never_written)

    def left_by_power_cut(self, survival: Survival, rng: random.Random) -> Contents:
        if survival is Survival.NONE or len(self.versions) == 1:
            return Contents([self.versions[0]])
        if survival is Survival.ALL:
            return Contents([self.data])
        if survival is Survival.FIRST:
            return Contents([rng.choice(self.versions)])
        size = len(rng.choice(self.versions))
        pages = [
            rng.choice(self.versions)[start : start + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")
            for start in range(0, size, PAGE_BYTES)
        ]
        return Contents([b"".join(pages)[:size]])


@dataclass(slots=True)
class NameChange:
    """One step in a directory, whole or not at all: a name goes, a name comes, or both (a rename)."""

    gone: str | None
    come: str | None
    what: Contents | Directory | None


@dataclass(slots=True)
class Directory:
    names: dict[str, Contents | Directory] = field(default_factory=dict)
    durable: dict[str, Contents | Directory] = field(default_factory=dict)
    changes: list[NameChange] = field(default_factory=list)
    """Since the last sync of this directory."""

    def change(self, change: NameChange) -> None:
        _apply(self.names, change)
        self.changes.append(change)

    def sync(self) -> None:
        self.durable = dict(self.names)
        self.changes = []

    def copy(self, copies: dict[int, Contents | Directory]) -> Directory:
        """With all below, each file once whatever its names are."""
        made = Directory()
        copies[id(self)] = made
        made.names = {name: _copied(what, copies) for name, what in self.names.items()}
        made.durable = {name: _copied(what, copies) for name, what in self.durable.items()}
        made.changes = [
            NameChange(change.gone, change.come, None if change.what is None else _copied(change.what, copies))
            for change in self.changes
        ]
        return made

    def left_by_power_cut(self, names: Survival, data: Survival, rng: random.Random) -> Directory:
        left = dict(self.durable)
        for change in _surviving(self.changes, names, rng):
            _apply(left, change)
        after: dict[str, Contents | Directory] = {}
        for name, what in left.items():
            if isinstance(what, Directory):
                after[name] = what.left_by_power_cut(names, data, rng)
            else:
                after[name] = what.left_by_power_cut(data, rng)
        return Directory(after, dict(after))


def _apply(names: dict[str, Contents | Directory], change: NameChange) -> None:
    if change.gone is not None:
        names.pop(change.gone, None)
    if change.come is not None and change.what is not None:
        names[change.come] = change.what


def _copied(what: Contents | Directory, copies: dict[int, Contents | Directory]) -> Contents | Directory:
    made = copies.get(id(what))
    if made is None:
        made = copies[id(what)] = what.copy(copies) if isinstance(what, Directory) else what.copy()
    return made


def _surviving(changes: Sequence[NameChange], names: Survival, rng: random.Random) -> list[NameChange]:
    if names is Survival.NONE:
        return []
    if names is Survival.ALL:
        return list(changes)
    if names is Survival.FIRST:
        return list(changes[: rng.randint(0, len(changes))])
    return [change for change in changes if rng.random() < 0.5]


class Disk:
    """The tree, and every call that changes it. Raises the OSErrors of Linux."""

    def __init__(self, root: Directory | None = None, *, seed: int = 0) -> None:
        self.root = root or Directory()
        self.changing: Hook | None = None
        """Called before each call that changes the disk or syncs, and within each write when a part of it is there. It
        may copy the disk, or raise OSError to fail the call."""
        self.reading: Hook | None = None
        """Called before each read of a file; may raise OSError."""
        self._rng = random.Random(seed)

    def copy(self) -> Disk:
        """The same disk, to go another way."""
        return Disk(self.root.copy({}))

    def after_power_cut(self, rng: random.Random) -> Disk:
        names, data = rng.choice(list(Survival)), rng.choice(list(Survival))
        return Disk(self.root.left_by_power_cut(names, data, rng))

    def find(self, path: tuple[str, ...]) -> Contents | Directory | None:
        what: Contents | Directory | None = self.root
        for name in path:
            if not isinstance(what, Directory):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/".join(path))
            what = what.names.get(name)
            if what is None:
                return None
        return what

    def contents(self, path: tuple[str, ...]) -> Contents:
        what = self.find(path)
        assert isinstance(what, Contents), path
        return what

    def directory(self, path: tuple[str, ...]) -> Directory:
        what = self.find(path)
        if what is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/".join(path))
        if not isinstance(what, Directory):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/".join(path))
        return what

    def create(self, path: tuple[str, ...]) -> Contents:
        directory = self.directory(path[:-1])
        self._point("create")
        made = Contents()
        directory.change(NameChange(None, path[-1], made))
        return made

    def make_directory(self, path: tuple[str, ...]) -> None:
        if self.find(path) is not None:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), "/".join(path))
        parent = self.directory(path[:-1])
        self._point("mkdir")
        parent.change(NameChange(None, path[-1], Directory()))

    def rename(self, path: tuple[str, ...], to: tuple[str, ...]) -> None:
        assert path[:-1] == to[:-1], "the broker moves nothing to another directory"
        what = self.find(path)
        if what is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/".join(path))
        self._point("rename")
        self.directory(path[:-1]).change(NameChange(path[-1], to[-1], what))

    def remove(self, path: tuple[str, ...]) -> None:
        """unlink and rmdir."""
        if self.find(path) is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/".join(path))
        self._point("unlink")
        self.directory(path[:-1]).change(NameChange(path[-1], None, None))

    def write(self, file: Contents, position: int, data: bytes) -> int:
        """How many bytes were written: fewer than asked when a hook failed the call in the middle."""
        self._point("write")
        if self.changing is not None and len(data) > 1:
            part = self._rng.randint(1, len(data) - 1)
            versions = list(file.versions)
            file.put(position, data[:part])
            try:
                self._point("torn write")
            except OSError:
                return part
            file.versions = versions
        file.put(position, data)
        return len(data)

    def truncate(self, file: Contents, size: int) -> None:
        if size == len(file.data):
            return
        self._point("truncate")
        file.change(file.data[:size].ljust(size, b"\0"))

    def sync(self, what: Contents | Directory) -> None:
        try:
            self._point("sync")
        except OSError:
            if isinstance(what, Contents):
                what.fail_sync()
            raise
        what.sync()

    def read(self, file: Contents, position: int, size: int) -> bytes:
        if self.reading is not None:
            self.reading("read")
        return file.data[position : position + size]

    def _point(self, call: str) -> None:
        if self.changing is not None:
            self.changing(call)

    def listing(self) -> str:
        """All files and their sizes, for who looks into a failure."""
        return ", ".join(f"{'/'.join(path)} ({len(file.data)})" for path, file in self.files())

    def files(self) -> Iterator[tuple[tuple[str, ...], Contents]]:
        waiting: list[tuple[tuple[str, ...], Directory]] = [((), self.root)]
        while waiting:
            path, directory = waiting.pop()
            for name, what in sorted(directory.names.items()):
                if isinstance(what, Directory):
                    waiting.append(((*path, name), what))
                else:
                    yield (*path, name), what

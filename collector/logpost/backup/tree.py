"""Trees of files: walked in an order, read, copied. Sparse files stay sparse."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from logpost.backup.listing import BackupError, Entry

CHUNK_BYTES = 1024 * 1024
LOCK = "lock"
"""In each part's directory; not copied: it says who runs."""
LOST_AND_FOUND = "lost+found"
"""At the top of a disk, which may be the data directory or a part's; not copied: it is the disk's."""

OnRead = Callable[[int], None]


def walk(root: Path, first: Sequence[str] = ()) -> Iterator[tuple[str, os.stat_result]]:
    """Path from `root` on and what it is, directories before what is in them; those named `first` before the others. A
    link at the top is followed: somebody has moved that part to another disk. Leaves out locks, sockets and the like.
    Raises OSError, BackupError."""
    place = {name: number for number, name in enumerate(first)}
    there = (path.name for path in root.iterdir() if path.name != LOST_AND_FOUND)
    names = sorted(there, key=lambda name: (place.get(name, len(first)), name))
    for name in names:
        path = root / name
        found = path.stat() if path.is_dir() else path.lstat()
        if not _is_kept(found):
            continue
        yield _named(name), found
        if stat.S_ISDIR(found.st_mode):
            yield from _below(path, name)


def _below(directory: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(path.name for path in directory.iterdir()):
        found = (directory / name).lstat()
        if not _is_kept(found) or ("/" not in prefix and name in (LOCK, LOST_AND_FOUND)):
            continue
        yield _named(f"{prefix}/{name}"), found
        if stat.S_ISDIR(found.st_mode):
            yield from _below(directory / name, f"{prefix}/{name}")


def _named(path: str) -> str:
    """Raises BackupError for a name that the list cannot have."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise BackupError(f"the name {path!r} is not UTF-8, and not logpost's: move that file away") from error
    return path


def _is_kept(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode)


def room_bytes(found: Iterable[os.stat_result]) -> int:
    """What files take on a disk: of sparse ones less than their sizes."""
    return sum(one.st_blocks * 512 for one in found)


def entry(path: str, found: os.stat_result, *, sha256: str = "", link: str = "") -> Entry:
    return Entry(
        path=path,
        mode=stat.S_IMODE(found.st_mode),
        user=found.st_uid,
        group=found.st_gid,
        mtime_ns=found.st_mtime_ns,
        size=found.st_size if sha256 else 0,
        sha256=sha256,
        link=link,
    )


def copy(source: Path, path: str, target: Path, on_read: OnRead) -> Entry:
    """Copy what stands at `path` below `source` to the same path below `target`; of a directory only itself, and of a
    link nothing. Raises BackupError."""
    try:
        return _copy(source, path, target, on_read)
    except OSError as error:
        raise BackupError(f"cannot copy {source / path} to {target}: {error.strerror}") from error


def _copy(source: Path, path: str, target: Path, on_read: OnRead) -> Entry:
    origin, copied = source / path, target / path
    found = origin.stat() if "/" not in path and origin.is_dir() else origin.lstat()
    if stat.S_ISDIR(found.st_mode):
        copied.mkdir(mode=0o700)
        return entry(path, found)
    if stat.S_ISLNK(found.st_mode):
        return entry(path, found, link=str(origin.readlink()))
    return entry(path, found, sha256=_copy_file(origin, copied, found, on_read))


def _copy_file(origin: Path, copied: Path, found: os.stat_result, on_read: OnRead) -> str:
    has_holes = found.st_blocks * 512 < found.st_size
    digest = hashlib.sha256()
    size = 0
    with _read(origin) as reading, _made(copied) as writing:
        while chunk := reading.read(CHUNK_BYTES):
            digest.update(chunk)
            if has_holes and not any(chunk):
                writing.seek(len(chunk), os.SEEK_CUR)
            else:
                _write(writing, chunk)
            size += len(chunk)
            on_read(len(chunk))
        writing.truncate(size)
    if size != found.st_size:
        raise BackupError(f"{origin} changed while it was copied: is the box stopped?")
    return digest.hexdigest()


def _read(path: Path) -> io.FileIO:
    """It was no link a moment ago, and must be none now."""
    return io.FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _made(path: Path) -> io.FileIO:
    return io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def write(path: Path, content: bytes) -> None:
    """A new file, for its owner alone. Raises BackupError."""
    try:
        with _made(path) as writing:
            _write(writing, content)
    except OSError as error:
        raise BackupError(f"cannot write {path}: {error.strerror}") from error


def _write(writing: io.FileIO, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[writing.write(view) :]


def sha256(file: Path, on_read: OnRead) -> str:
    """Raises OSError."""
    digest = hashlib.sha256()
    with _read(file) as reading:
        while chunk := reading.read(CHUNK_BYTES):
            digest.update(chunk)
            on_read(len(chunk))
    return digest.hexdigest()


def finish(root: Path, entries: Sequence[Entry], owner: Callable[[Entry], tuple[int, int]]) -> None:
    """Make the links, and give all of them their owner (numbers of user and group), modes and times, what is in a
    directory before itself. Who is not root keeps his own. Raises OSError."""
    for one in reversed(entries):
        path = root / one.path
        if one.link:
            path.symlink_to(one.link)
        if os.geteuid() == 0:
            os.chown(path, *owner(one), follow_symlinks=False)
        if not one.link:
            path.chmod(one.mode)
            os.utime(path, ns=(one.mtime_ns, one.mtime_ns))


def remove(root: Path, keep: Collection[str] = ()) -> None:
    """All that is in a directory but what is named, and not the directory. Raises OSError."""
    for path in root.iterdir():
        if path.name in keep:
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def sync_all(path: Path) -> None:
    """All of the file system at `path` is on its disk: one call for a store's thousands of files. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """A file's content, or a directory's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What every long-running command does alike: log to stderr, lock its directory, say that it is ready, end on
SIGTERM, and end with its supervisor."""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import fcntl
import logging
import os
import pwd
import queue
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from logpost.errors import InUseError, StartError
from logpost.repeats import RepeatFilter
from logpost.systemd.journal import Journal, JournalHandler, leads_to_journal
from logpost.systemd.notices import Notices

DIRECTORY_MODE = 0o750
SYSTEM_DATA = Path("/var/lib/logpost")
"""Where units keep theirs."""
FILE_MODE = 0o640
STDERR = 2
LOGGERS = ("up", "broker", "web", "indexer", "exporter", "agent", "kafka")
"""Of logpost itself."""
PARTS = frozenset({"broker", "store", "agent", "log"})
"""Directories of the data directory."""
RESTORING = "restoring"
"""Another one, while `logpost restore` is under way: no part starts beside it."""


class LineFormatter(logging.Formatter):
    """`2026-11-22T10:51:07.123Z INFO broker: …`"""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")


def start_logging(component: str, level: str = "info", stream: TextIO | None = None) -> logging.Logger:
    """Log what is of this level or above to stderr, and to the journal where that leads there; returns the component's
    logger."""
    to_stderr = logging.StreamHandler(stream or sys.stderr)
    handler: logging.Handler = to_stderr
    if stream is None and leads_to_journal(STDERR):
        handler = JournalHandler(Journal(), to_stderr)
    else:
        handler.setFormatter(LineFormatter())
    handler.addFilter(RepeatFilter())
    # What ends a part because it hangs sends SIGQUIT: the part tells where, and ends. SIGABRT is the embedded store's.
    faulthandler.register(signal.SIGQUIT, STDERR, all_threads=True, chain=True)
    logging.basicConfig(handlers=[handler], force=True)
    set_log_level(level)
    return logging.getLogger(component)


def set_log_level(level: str) -> None:
    """Log what is of this level or above; of libraries at most `info`: what they say below may be a line for each line
    that is shipped."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(max(number, logging.INFO))
    for name in LOGGERS:
        logging.getLogger(name).setLevel(number if number < logging.INFO else logging.NOTSET)


def keep_private(data: Path, part: str) -> None:
    """Let no other users read the data directory: what this process makes is for owner and group alone, and what an
    older release made in `part` of it is set right. Raises StartError for root in the directory of another user."""
    os.umask(0o777 & ~DIRECTORY_MODE)
    directory = data / part
    refuse_root(directory)
    with contextlib.suppress(OSError):  # who may not look at it is told so when it is locked
        if directory.is_dir() and directory.stat().st_mode & 0o7777 & ~DIRECTORY_MODE:
            for path in directory.rglob("*"):
                restrict(path)
            restrict(directory)  # last: a start that was interrupted here looks again
        if open_to_units(data):
            return
        if data.is_dir() and {path.name for path in data.iterdir()} <= PARTS and _is_of_one_user(data):
            restrict(data)


def open_to_units(data: Path) -> bool:
    """Let root make the data directory of this system as systemd does, or set it right: its parts are of users whom
    units have, so everybody may look into it, and into no part. Returns whether it is that one. Raises OSError."""
    if os.geteuid() != 0 or data != SYSTEM_DATA:
        return False
    data.mkdir(parents=True, exist_ok=True)
    if data.stat().st_uid == 0:
        data.chmod(0o755)
    return True


def _is_of_one_user(data: Path) -> bool:
    """Units of several users have their directories side by side."""
    return {path.stat().st_uid for path in data.iterdir()} <= {data.stat().st_uid}


def restrict(path: Path) -> None:
    """Take from others, and from the group what it must not do, what an older release or another program let them."""
    with contextlib.suppress(OSError):  # gone meanwhile, or another user's
        mode = path.lstat().st_mode
        allowed = DIRECTORY_MODE if stat.S_ISDIR(mode) else FILE_MODE
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & ~allowed:
            path.chmod(stat.S_IMODE(mode) & allowed)


def on_stop(stop: Callable[[], None], notices: Notices) -> None:
    """Call `stop` (once or more, from any thread) on SIGTERM, on SIGINT, and when the supervisor is gone.

    The supervisor hands each child one end of a socket to which it never writes: the kernel closes the other end
    however the supervisor dies, and the child sees the end of file.
    """

    def stop_and_say() -> None:
        notices.stopping()
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_and_say())
    if notices.supervisor is not None:
        arguments = (notices.supervisor, stop_and_say)
        threading.Thread(target=_await_end_of, args=arguments, daemon=True, name="supervisor").start()


def on_hangup(reload: Callable[[], object], stop: Callable[[], object]) -> None:
    """Call `reload`, in a thread, on SIGHUP; `stop` where the terminal is gone that this process was started in. Who
    starts it with SIGHUP ignored (`nohup`) wants it to be."""
    terminal = next((fd for fd in (0, 1, 2) if os.isatty(fd)), None)
    asked = queue.SimpleQueue[None]()  # which a signal may interrupt, and use again

    def hung_up(*_: object) -> None:
        if terminal is not None and not os.isatty(terminal):
            stop()
        else:
            asked.put(None)

    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        threading.Thread(target=_reload_when, args=(asked, reload), name="reload", daemon=True).start()
        signal.signal(signal.SIGHUP, hung_up)


def _reload_when(asked: queue.SimpleQueue[None], reload: Callable[[], object]) -> None:
    """Any number of times that it is asked during one reload is one more."""
    while True:
        asked.get()
        while not asked.empty():
            asked.get()
        reload()


def _await_end_of(supervisor: socket.socket, stop: Callable[[], None]) -> None:
    # Reset: it was killed with notices that it had not read, as when it hung.
    with contextlib.suppress(ConnectionResetError):
        while supervisor.recv(1):
            pass
    stop()


class DirectoryLock:
    """A directory of the data directory, made and held by one process. Raises StartError, naming the directory, when it
    cannot be written or another process has it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._refuse_restore()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            remedy = _of_the_unit(directory.parent) if error.errno == errno.EROFS else ""
            raise StartError(f"cannot write the data directory {directory}: {error.strerror}{remedy}") from error
        try:
            hold(self._fd, directory)
            self._refuse_restore()  # one that began meanwhile, and saw no lock
        except StartError:
            os.close(self._fd)
            raise

    def _refuse_restore(self) -> None:
        data = self.directory.parent
        if (data / RESTORING).exists():
            raise StartError(f"{data} is of a restore that was interrupted or goes on: run `logpost restore` again")

    def renewed(self) -> DirectoryLock:
        """The lock of the same directory, made again where it was removed while it was held."""
        with contextlib.suppress(FileNotFoundError):
            if (self.directory / "lock").stat().st_ino == os.fstat(self._fd).st_ino:
                return self
        self.release()
        return DirectoryLock(self.directory)

    def release(self) -> None:
        os.close(self._fd)


def hold(lock: int, directory: Path) -> None:
    """Take the lock of a directory, an open file, and write into it who has it. Raises InUseError."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        raise InUseError(f"{directory} is in use by process {holder or 'unknown'}: stop it first") from error
    with contextlib.suppress(OSError):  # a full disk, or one that is read-only; over the old number there is room
        written = os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        os.ftruncate(lock, written)


def refuse_root(directory: Path) -> None:
    """What root made there its owner could not write; nor the directory itself, in another user's data. Raises
    StartError."""
    with contextlib.suppress(OSError):
        directory = directory if directory.exists() else directory.parent
        owner = directory.stat().st_uid
        if os.geteuid() == 0 and owner != 0:
            name = _user(owner)
            raise StartError(
                f"{directory} belongs to {name}, not to root: `runuser -u {name} -- logpost …` runs as its owner"
            )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _of_the_unit(data: Path) -> str:
    """What opens a directory that the unit keeps closed, where systemd started this process."""
    if "INVOCATION_ID" not in os.environ:
        return ""
    return f": its unit has ProtectSystem=strict; `systemctl edit` it and set ReadWritePaths={data} in [Service]"

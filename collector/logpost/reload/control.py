"""A socket in the directory of each part, over which `logpost reload` asks it and waits for the outcome.

Only the owner of the directory, and root, can connect.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from logpost.errors import ConfigError, StartError
from logpost.processes import holder
from logpost.reload.changes import Reloaded

NAME = "control"
LOCK = "lock"
"""Of who runs there (`service.DirectoryLock`)."""
RELOAD = b"reload"
PART_SECONDS = 30.0
"""How long a part may take to let new settings hold."""
ANSWER_SECONDS = 4 * PART_SECONDS
"""How long who asks waits: the supervisor asks its parts one after another."""
REQUEST_SECONDS = 5.0
LONGEST = 256 * 1024


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`refused`: why the file is not used. `failed`: why the new settings could not be made to hold."""

    reloaded: Reloaded = Reloaded()
    refused: str = ""
    failed: str = ""


class Control:
    """Answers until it is closed, in a thread. The caller holds the lock of the directory."""

    def __init__(self, directory: Path, reload: Callable[[], Answer]) -> None:
        self._directory = directory
        self._reload = reload
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with contextlib.suppress(FileNotFoundError):
                (directory / NAME).unlink()  # of a process that was killed
            with _address(directory) as address:
                self._listener.bind(address)
            self._listener.listen(8)
            self._inode = (directory / NAME).stat().st_ino
        except OSError as error:
            self._listener.close()
            raise StartError(f"cannot make the socket {directory / NAME}: {error.strerror}") from error
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(REQUEST_SECONDS)
        self._listener.close()
        with contextlib.suppress(OSError):
            if (self._directory / NAME).stat().st_ino == self._inode:  # not that of the next process
                (self._directory / NAME).unlink()

    def _serve(self) -> None:
        while True:
            try:
                asking, _ = self._listener.accept()
            except OSError:  # closed
                return
            with asking, contextlib.suppress(OSError):
                asking.settimeout(REQUEST_SECONDS)
                if asking.recv(LONGEST) == RELOAD:
                    asking.send(msgspec.json.encode(self._reload()))


def ask(directory: Path, seconds: float = ANSWER_SECONDS) -> Answer | None:
    """Ask the part that holds this directory to reload; None where none runs. Raises StartError, also when no answer
    comes within `seconds`, and for a part that starts, which may have read the settings that were there before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.settimeout(seconds)
        try:
            with _address(directory) as address:
                asking.connect(address)
            asking.send(RELOAD)
            answer = asking.recv(LONGEST)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            if (pid := holder(directory / LOCK)) is not None:
                raise StartError(
                    f"the part of {directory} (process {pid}) starts or ends: it may have read the old settings; "
                    "reload again when it runs"
                ) from None
            return None
        except OSError as error:
            raise StartError(f"no answer by {directory / NAME}: {error.strerror or error}") from error
    if not answer:
        raise StartError(f"the part of {directory} ended before it answered")
    return msgspec.json.decode(answer, type=Answer)


def asked(directory: Path, seconds: float = ANSWER_SECONDS) -> Answer | None:
    """As `ask`, but a part that does not answer has failed."""
    try:
        return ask(directory, seconds)
    except StartError as error:
        return Answer(failed=str(error))


def outcome(answer: Answer) -> Reloaded:
    """Raises ConfigError for a file that was refused, StartError for what failed."""
    if answer.refused:
        raise ConfigError(f"{answer.refused}; the settings stay as they were")
    if answer.failed:
        raise StartError(answer.failed)
    return answer.reloaded


@contextlib.contextmanager
def _address(directory: Path) -> Iterator[str]:
    """Of the socket, however long the path is: an address has 107 characters at most."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{NAME}"
    finally:
        os.close(opened)

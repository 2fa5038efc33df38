"""sd_notify: what a process says of itself to who started it, which is systemd, or logpost's own supervisor in the same
words.

Only the process that was started speaks: what leads to the listener is taken out of the environment, so that no child
speaks for the service. Nobody waits for a listener, and none need be there.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping

SUPERVISOR_FD = "LOGPOST_INTERNAL_SUPERVISOR_FD"
"""A socket whose other end the supervisor holds as long as it lives."""
NOTIFY_SOCKET = "NOTIFY_SOCKET"
WATCHDOG_USEC = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"
VARIABLES = (SUPERVISOR_FD, NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID)
TURNS_A_WATCH = 4
"""How often a turn is said in the time after which the listener takes a part for hung."""
LONGEST_NOTICE = 64 * 1024
DISK_SECONDS = 600.0
"""How long one call may wait for the disk: a sync while others write all that it takes."""


class Loop:
    """A loop beside the main one. While it is late, the main loop's turns count for nothing."""

    def __init__(self, allowed_seconds: float, clock: Callable[[], float]) -> None:
        self._allowed_seconds = allowed_seconds
        self._clock = clock
        self._good_until = math.inf

    def turned(self, good_for_seconds: float = 0.0) -> None:
        """It has come round; what it does next may take the usual time, or `good_for_seconds` if that is longer."""
        self._good_until = self._clock() + max(self._allowed_seconds, good_for_seconds)

    def ended(self) -> None:
        self._good_until = math.inf

    def is_late(self, now: float) -> bool:
        return now > self._good_until


class Notices:
    """Any thread may speak; `turn` is the main loop's. Without a listener nothing is said."""

    def __init__(
        self,
        listener: socket.socket | None = None,
        *,
        watch_seconds: float = math.inf,
        supervisor: socket.socket | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`listener`: connected. `watch_seconds`: after which silence the listener ends this process. `supervisor`: the
        listener, where it is logpost's own."""
        self._listener = listener or supervisor
        self.watch_seconds = watch_seconds
        self.turn_seconds = watch_seconds / TURNS_A_WATCH
        """How often `turn` should be called at least."""
        self.supervisor = supervisor
        self._clock = clock
        self._due = 0.0
        self._loops: list[Loop] = []

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notices:
        """And take it out of there."""
        taken = {name: environment.pop(name, "") for name in VARIABLES}
        watch_seconds = _watch_seconds(taken, os.getpid())
        if taken[SUPERVISOR_FD]:
            return cls(supervisor=socket.socket(fileno=int(taken[SUPERVISOR_FD])), watch_seconds=watch_seconds)
        return cls(_connected(taken[NOTIFY_SOCKET]), watch_seconds=watch_seconds)

    @property
    def are_heard(self) -> bool:
        return self._listener is not None

    def loop(self) -> Loop:
        """For a loop beside the main one that must come round as well."""
        self._loops.append(Loop(self.watch_seconds / 2, self._clock))
        return self._loops[-1]

    def ready(self, status: str) -> None:
        """`status`: one line, for people."""
        self._say(f"READY=1\nSTATUS={status}\nWATCHDOG=1")

    def status(self, text: str) -> None:
        self._say(f"STATUS={text}")

    def advances(self, status: str, allowed_seconds: float) -> None:
        """Start, or end, take longer and get on: the next notice comes within `allowed_seconds`."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(allowed_seconds * 1e6)}\nSTATUS={status}")

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=draining")

    def turn(self) -> None:
        """The main loop has come round. Cheap: said only when it is time."""
        now = self._clock()
        if now >= self._due and not any(loop.is_late(now) for loop in self._loops):
            self._due = now + self.turn_seconds
            self._say("WATCHDOG=1")

    @contextlib.contextmanager
    def waiting_for_disk(self) -> Iterator[None]:
        """Around a call of the main loop that does nothing but that."""
        if math.isfinite(self.watch_seconds):
            self._say(f"WATCHDOG_USEC={int(max(DISK_SECONDS, self.watch_seconds) * 1e6)}\nWATCHDOG=1")
            try:
                yield
            finally:
                self._say(f"WATCHDOG_USEC={int(self.watch_seconds * 1e6)}\nWATCHDOG=1")
        else:
            yield

    def close(self) -> None:
        """Say nothing more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def _say(self, notice: str) -> None:
        listener = self._listener
        if listener is not None:
            # One that is gone or hangs keeps nobody from his work.
            with contextlib.suppress(OSError):
                listener.send(notice.encode()[:LONGEST_NOTICE], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def parsed(notice: bytes) -> dict[str, str]:
    """Of a notice its fields."""
    lines = notice.decode(errors="replace").splitlines()
    return {name: value for name, is_set, value in (line.partition("=") for line in lines) if is_set}


def _watch_seconds(environment: Mapping[str, str], pid: int) -> float:
    text, of = environment[WATCHDOG_USEC], environment[WATCHDOG_PID]
    if not text.isdecimal() or int(text) == 0 or (of and of != str(pid)):
        return math.inf
    return int(text) / 1e6


def _connected(address: str) -> socket.socket | None:
    """To `NOTIFY_SOCKET`: a path, or a name that begins with @ and has no file."""
    if address[:1] not in ("/", "@"):
        return None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        listener.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
    except OSError:
        listener.close()
        return None
    return listener

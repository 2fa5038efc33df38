"""What systemd does for a service of `Type=notify`: it hears notices, and ends what says nothing for too long."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from logpost.systemd.notices import parsed

CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice: who said it, when (monotonic seconds), and its fields."""

    pid: int
    at: float
    fields: dict[str, str]


class NotifySocket:
    """`NOTIFY_SOCKET`; with `watch_seconds` also `WATCHDOG_USEC`."""

    def __init__(self, watch_seconds: float = 0.0) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="notify-")  # a socket's path has 107 characters at most
        self.path = Path(self._directory.name) / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(self.path))
        self.environment = {"NOTIFY_SOCKET": str(self.path)}
        if watch_seconds:
            self.environment["WATCHDOG_USEC"] = str(int(watch_seconds * 1e6))
        self.heard: list[Heard] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        while True:
            data, ancillary, _, _ = self._socket.recvmsg(65536, socket.CMSG_SPACE(CREDENTIALS.size))
            if not data:
                return
            pid = CREDENTIALS.unpack(ancillary[0][2])[0]
            with self._changed:
                self.heard.append(Heard(pid, time.monotonic(), parsed(data)))
                self._changed.notify_all()

    def await_notice(self, field: str, containing: str = "", *, after: int = 0, seconds: float = 120.0) -> Heard:
        """The first notice behind the first `after` whose `field` contains the text."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for one in self.heard[after:]:
                    if field in one.fields and containing in one.fields[field]:
                        return one
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"no {field} with {containing!r}; heard {self.heard[-20:]}")

    def of(self, field: str) -> list[str]:
        with self._changed:
            return [one.fields[field] for one in self.heard if field in one.fields]

    def pids(self) -> set[int]:
        with self._changed:
            return {one.pid for one in self.heard}

    def await_silence(self, seconds: float, *, longest: float = 120.0) -> None:
        """Until no turn was said for so long."""
        begun = time.monotonic()
        with self._changed:
            while True:
                last = max([one.at for one in self.heard if "WATCHDOG" in one.fields], default=begun)
                left = max(last, begun) + seconds - time.monotonic()
                if left <= 0:
                    return
                assert time.monotonic() - begun < longest, "it goes on saying that it turns"
                self._changed.wait(left)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self._thread.join(60)
        self._socket.close()
        self._directory.cleanup()

    def __enter__(self) -> NotifySocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()

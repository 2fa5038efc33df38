"""Parts of logpost as real processes on free ports, for tests: started, awaited, killed."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

READY_SECONDS = 240.0
"""A bound for hangs: `up` starts four programs, each of which a busy machine makes wait."""
PORTS = range(12_000, 32_000)
"""Below those that the system gives to programs that ask for any."""
_tries = itertools.count(os.getpid() * 61)
_held: list[socket.socket] = []


def free_port() -> int:
    """A port that no other test is given while this process lives, of this run or another: it stays bound here, and a
    server, which sets SO_REUSEADDR, may listen on it all the same."""
    for number in itertools.islice(_tries, len(PORTS)):
        holding = socket.socket()
        port = PORTS[number % len(PORTS)]
        try:
            holding.bind(("127.0.0.1", port))
        except OSError:
            holding.close()
            continue
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _held.append(holding)
        return port
    raise AssertionError("no port is free")


class Part:
    """`logpost COMMAND …` as a child process whose stderr lines can be awaited."""

    def __init__(
        self, *arguments: str, settings: Mapping[str, object] | None = None, inside: Sequence[str] = ()
    ) -> None:
        """`settings`: dotted key (`broker.port`) → value, handed over as environment variables. `inside`: a command
        that runs the part."""
        self.inside = inside
        self.arguments = arguments
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("LOGPOST_")}
        for key, value in (settings or {}).items():
            self.environment["LOGPOST_" + key.replace(".", "_").upper()] = str(value)
        self.lines: list[str] = []
        self._is_silent = False
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Of a broker."""
        return int(self.environment["LOGPOST_BROKER_PORT"])

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "not started"
        return self._process

    def start(self, until: str = "ready", seconds: float = READY_SECONDS) -> Part:
        """Start and await the line that contains `until`."""
        self.lines, self._is_silent = [], False
        self._process = subprocess.Popen(
            [*self.inside, sys.executable, "-m", "logpost", *self.arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.await_line(until, seconds)
        except AssertionError:
            self.kill()
            raise
        return self

    def _read(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        for line in stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        stderr.close()
        with self._changed:
            self.lines.append("")
            self._is_silent = True  # not to be known by the empty line: a part that tells where it hangs has some
            self._changed.notify_all()

    def await_line(self, text: str, seconds: float = READY_SECONDS, *, after: int = 0) -> str:
        """The first stderr line that contains `text`, of those behind the first `after`; AssertionError with all lines
        when it does not come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = next((line for line in self.lines[after:] if text in line), None)
                if found is not None:
                    return found
                if self._is_silent or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    shown = "\n".join(self.lines[-50:])
                    raise AssertionError(f"{self.arguments}: no line with {text!r}; said:\n{shown}")

    def kill(self) -> None:
        """kill -9, and wait for the end."""
        self.process.send_signal(signal.SIGKILL)
        self._end(60)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; returns the exit status after the drain."""
        self.process.terminate()
        return self._end(seconds)

    def _end(self, seconds: float) -> int:
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        assert self._reader is not None
        self._reader.join(60)
        return status

    def __enter__(self) -> Part:
        return self if self._process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


def broker_part(directory: Path, **settings: object) -> Part:
    """A broker for this machine alone, with these settings of `[broker]`."""
    given = {"port": free_port(), "metrics_port": 0, "listen": "127.0.0.1", **settings}
    part_settings = {f"broker.{name}": value for name, value in given.items()}
    return Part("broker", "--data", str(directory), settings=part_settings)


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `logpost …` to its end."""
    command: Sequence[str | Path] = [sys.executable, "-m", "logpost", *arguments]
    return subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )

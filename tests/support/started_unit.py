"""A unit of `systemd/`, run as systemd runs one of `Type=notify`, where none is booted: it waits for READY as long as
EXTEND_TIMEOUT_USEC says, watches, kills what does not end, and starts it again.
"""

from __future__ import annotations

import math
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.support.systemd import Heard, NotifySocket
from tests.support.units import UNITS, settings

LOOK_SECONDS = 0.02
LONGEST_SECONDS = 240.0
"""A bound for hangs: a busy machine makes programs wait."""
UNITS_OF_TIME = {"ms": 0.001, "s": 1.0, "min": 60.0}


@dataclass
class Life:
    """From one start to its end. `why` it was told to end: `watchdog`, `start timeout`, `stop`; and `stop timeout`
    where it was killed while it stopped. Seconds are monotonic."""

    pid: int
    began: float
    why: str = ""
    status: int | None = None
    is_ready: bool = False
    is_stopping: bool = False
    watch_seconds: float = math.inf
    deadline: float = math.inf


class StartedUnit:
    """`with StartedUnit("logpost", …) as unit: unit.await_ready()`; stopped at the end. `drop_in`: settings of
    `[Service]` that take the place of the unit's."""

    def __init__(
        self,
        name: str,
        *options: str,
        environment: Mapping[str, str],
        log: Path,
        drop_in: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        """`options`: behind those of the unit's command. `log`: gets what it writes to stderr. `inside`: a command that
        becomes the unit's."""
        found = {
            key.removeprefix("Service."): values[-1] for key, values in settings(UNITS / f"{name}.service").items()
        }
        self._settings = found | dict(drop_in or {})
        program, *arguments = shlex.split(self._settings["ExecStart"])
        assert program == "/usr/bin/logpost"
        self._command = [*inside, sys.executable, "-m", "logpost", *arguments, *options]
        self._environment = dict(environment)
        self.log = log
        self.lives: list[Life] = []
        self.notices = NotifySocket()
        self._heard = 0
        self._is_wanted = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._keep_running, daemon=True)

    def __enter__(self) -> StartedUnit:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.notices.close()

    def stop(self) -> Life:
        """`systemctl stop`; returns its last life."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()
        self._thread.join()
        return self.lives[-1]

    def await_ready(self, number: int = 1) -> Life:
        """Its start number `number`, from 1 on, or one after it, is ready."""
        self._await(lambda: any(life.is_ready for life in self.lives[number - 1 :]), f"start {number} that is ready")
        return next(life for life in self.lives[number - 1 :] if life.is_ready)

    def await_end(self, number: int = 1) -> Life:
        self._await(lambda: any(life.status is not None for life in self.lives[number - 1 :]), f"end {number}")
        return self.lives[number - 1]

    def await_given_up(self) -> None:
        """It is not started any more."""
        self._thread.join(LONGEST_SECONDS)
        assert not self._thread.is_alive(), self.lives

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, LONGEST_SECONDS):
                raise AssertionError(f"no {what}: {self.lives}\n{self.said()[-5000:]}")

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def seconds(self, setting: str) -> float:
        text = self._settings[setting]
        number = text.rstrip("mins")
        return float(number) * UNITS_OF_TIME[text[len(number) :] or "s"]

    def _keep_running(self) -> None:
        while True:
            status = self._live()
            is_over = str(status) in self._settings["RestartPreventExitStatus"].split()
            with self._changed:
                if is_over or self._changed.wait_for(lambda: not self._is_wanted, self.seconds("RestartSec")):
                    return

    def _live(self) -> int:
        invocation = uuid.uuid4().hex
        environment = self._environment | self.notices.environment | {"INVOCATION_ID": invocation}
        environment["WATCHDOG_USEC"] = str(int(self.seconds("WatchdogSec") * 1e6))
        with self.log.open("a") as log:
            process = subprocess.Popen(
                self._command, env=environment, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        life = Life(process.pid, time.monotonic(), watch_seconds=self.seconds("WatchdogSec"))
        life.deadline = life.began + self.seconds("TimeoutStartSec")
        with self._changed:
            self.lives.append(life)
            self._changed.notify_all()
        while process.poll() is None:
            self._look(life, process)
            time.sleep(LOOK_SECONDS)
        for pid in _control_group(invocation):  # KillMode=mixed
            os.kill(pid, signal.SIGKILL)
        with self._changed:
            life.status = process.returncode
            self._changed.notify_all()
        return process.returncode

    def _look(self, life: Life, process: subprocess.Popen[bytes]) -> None:
        heard = self.notices.heard[self._heard :]
        self._heard += len(heard)
        for one in heard:
            if one.pid == life.pid:  # NotifyAccess=main
                self._hear(life, one)
        is_late = time.monotonic() > life.deadline
        if not self._is_wanted and not life.why:
            self._end(life, process, "stop", signal.SIGTERM, "TimeoutStopSec")
        elif is_late and life.is_stopping:
            life.why += " timeout" if life.why in ("", "stop") else ""
            process.kill()
            process.wait(LONGEST_SECONDS)
        elif is_late and life.is_ready:
            watchdog = signal.Signals[self._settings["WatchdogSignal"]]
            self._end(life, process, "watchdog", watchdog, "TimeoutAbortSec")
        elif is_late:
            self._end(life, process, "start timeout", signal.SIGTERM, "TimeoutStopSec")

    def _hear(self, life: Life, one: Heard) -> None:
        if "STOPPING" in one.fields and not life.is_stopping:
            life.is_stopping = True
            life.deadline = one.at + self.seconds("TimeoutStopSec")
        if "READY" in one.fields and not life.is_stopping:
            with self._changed:
                life.is_ready = True
                self._changed.notify_all()
        if "WATCHDOG_USEC" in one.fields:
            life.watch_seconds = int(one.fields["WATCHDOG_USEC"]) / 1e6
        if one.fields.keys() & {"READY", "WATCHDOG", "WATCHDOG_USEC"} and life.is_ready and not life.is_stopping:
            life.deadline = one.at + life.watch_seconds
        if "EXTEND_TIMEOUT_USEC" in one.fields:
            life.deadline = max(life.deadline, one.at + int(one.fields["EXTEND_TIMEOUT_USEC"]) / 1e6)

    def _end(
        self, life: Life, process: subprocess.Popen[bytes], why: str, number: signal.Signals, setting: str
    ) -> None:
        life.why, life.is_stopping, life.deadline = why, True, time.monotonic() + self.seconds(setting)
        process.send_signal(number)


def _control_group(invocation: str) -> Iterator[int]:
    """The processes that came of this start of the unit."""
    mark = f"INVOCATION_ID={invocation}".encode()
    for directory in Path("/proc").iterdir():
        try:
            if directory.name.isdecimal() and mark in (directory / "environ").read_bytes().split(b"\0"):
                yield int(directory.name)
        except OSError:
            continue  # gone, or another user's

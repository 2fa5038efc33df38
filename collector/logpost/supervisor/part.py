"""One part of the appliance as a child process: start it, hear what it says, restart it, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from logpost.errors import StartError
from logpost.service import SUPERVISOR_FD
from logpost.supervisor.backoff import Backoff

DRAIN_SECONDS = 30.0
ERROR_PREFIX = "logpost: "
LONGEST_LINE = 1024 * 1024


class Part:
    """`logpost NAME …` under supervision. `say` gets the supervisor's own words, `heard` every line of the child."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        alive_fd: int,
        say: Callable[[str], None],
        heard: Callable[[str, str], None],
    ) -> None:
        """`alive_fd`: read end of the pipe whose end of file tells the child that the supervisor is gone."""
        self.name = name
        self._command = [sys.executable, "-m", "logpost", name, *arguments]
        self._environment = {**environment, SUPERVISOR_FD: str(alive_fd)}
        self._alive_fd = alive_fd
        self._say = say
        self._heard = heard
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self.ready_line = ""
        """What it said when it was ready last."""
        self._last_error = ""
        self._supervision: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the part and return when it says that it is ready. Raises StartError with the part's own words when
        it ends before that: what cannot start now will not start on a second try."""
        await self._spawn()
        ended = asyncio.create_task(self._wait_for_end())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            ended.cancel()
            raise
        finally:
            ready.cancel()
        if not self._ready.is_set():
            raise StartError(self._last_error or f"{self.name} ended with status {ended.result()} before it was ready")
        self._supervision = asyncio.create_task(self._supervise(ended))

    def keep(self, variable: str, value: str) -> None:
        """From now on it is started with this in its environment."""
        self._environment[variable] = value

    def let_end(self) -> None:
        """From now on an end is no reason to start again."""
        if self._supervision is not None:
            self._supervision.cancel()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after DRAIN_SECONDS."""
        self.let_end()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            self._say(f"{self.name} did not drain within {DRAIN_SECONDS:.0f} s: killed")
            self.kill()
            await process.wait()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _supervise(self, ended: asyncio.Task[int]) -> None:
        backoff = Backoff()
        while True:
            started = time.monotonic()
            status = await ended
            delay = backoff.delay(time.monotonic() - started)
            self._say(f"{self.name} {_describe(status)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            await self._spawn()
            ended = asyncio.create_task(self._wait_for_end())

    async def _spawn(self) -> None:
        self._ready.clear()
        # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which drains the parts in order.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            pass_fds=(self._alive_fd,),
            process_group=0,
        )

    async def _wait_for_end(self) -> int:
        process = self._process
        assert process is not None and process.stderr is not None
        async for line in _lines(process.stderr):
            if line.startswith(ERROR_PREFIX):
                self._last_error = line.removeprefix(ERROR_PREFIX)
                if not self._ready.is_set():
                    continue  # start() raises it; said once is enough
            self._heard(self.name, line)
            if f" {self.name}: ready" in line:
                self.ready_line = line
                self._ready.set()
        return await process.wait()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than LONGEST_LINE: asyncio has dropped what it had buffered of it
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip("\n")


def _describe(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def alive_pipe() -> tuple[int, int]:
    """(read end for the children, write end that the supervisor keeps open as long as it lives)."""
    return os.pipe()

"""One part of the appliance as a child process: started, heard, stopped, and started again when it ends or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from logpost.errors import StartError
from logpost.supervisor import memory
from logpost.supervisor.backoff import Backoff
from logpost.supervisor.watch import WATCH_SECONDS, Watch
from logpost.systemd.notices import LONGEST_NOTICE, SUPERVISOR_FD, WATCHDOG_USEC, parsed

ERROR_PREFIX = "logpost: "
LONGEST_LINE = 1024 * 1024
QUIT_SECONDS = 2.0


class Part:
    """`logpost NAME …` under supervision. `log`: the supervisor's own; `heard` gets every line of the child."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        log: logging.Logger,
        heard: Callable[[str, str], None],
        changed: Callable[[], None] = lambda: None,
        watch_seconds: float = WATCH_SECONDS,
    ) -> None:
        """`changed` is called when `state` may be another one, and when the part gets on with a start that takes
        long."""
        self.name = name
        self._command = [sys.executable, "-m", "logpost", name, *arguments]
        self._environment = dict(environment)
        self._log = log
        self._heard = heard
        self._changed = changed
        self._watch = Watch(watch_seconds)
        self._process: asyncio.subprocess.Process | None = None
        self._ours: socket.socket | None = None
        """Our end of the socket over which the part says how it is, and learns that the supervisor is gone."""
        self._ready = asyncio.Event()
        self._last_error = ""
        self._hung = ""
        """Why it was killed."""
        self._why_ended = ""
        """Said already, of a part that does not come back."""
        self._supervision: asyncio.Task[None] | None = None
        self._end: asyncio.Task[str] | None = None
        """Of the process: it is heard until then, and learns only by this end that its supervisor is gone."""

    @property
    def ready_line(self) -> str:
        """What it said when it was ready last."""
        return self._watch.status

    @property
    def is_up(self) -> bool:
        return self._watch.is_ready and not self._why_ended

    @property
    def state(self) -> str:
        """In a few words, for people."""
        if self._why_ended:
            return f"{self.name} is down: {self._why_ended}"
        return f"{self.name}: {self._watch.status or 'starting'}"

    async def start(self) -> None:
        """Start the part and return when it says that it is ready. Raises StartError with the part's own words when
        it ends before that: what cannot start now will not start on a second try."""
        ended = await self._spawn()
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            why = self._last_error or f"{self.name} {ended.result()} before it was ready"
            raise StartError(why)
        self._supervision = asyncio.create_task(self._supervise(ended))

    def keep(self, variable: str, value: str) -> None:
        """From now on it is started with this in its environment."""
        self._environment[variable] = value

    def let_end(self) -> None:
        """From now on an end is no reason to start again."""
        if self._supervision is not None:
            self._supervision.cancel()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not get on with its drain. Returns when its last line was heard."""
        self.let_end()
        if self._process is None or self._end is None or self._process.returncode is not None:
            return
        self._watch.drain()
        self._process.terminate()
        await self._end
        if self._hung:
            self._log.warning("%s %s while it drained", self.name, self._hung)

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _supervise(self, ended: asyncio.Task[str]) -> None:
        backoff = Backoff()
        while True:
            started = time.monotonic()
            how = await asyncio.shield(ended)
            delay = backoff.delay(time.monotonic() - started)
            self._say_end(how, delay)
            await asyncio.sleep(delay)
            ended = await self._spawned(backoff)

    async def _spawned(self, backoff: Backoff) -> asyncio.Task[str]:
        """Tried until the system has a process and memory for it."""
        while True:
            try:
                return await self._spawn()
            except OSError as error:
                self._last_error = error.strerror or str(error)
                delay = backoff.delay(0)
                self._say_end("has no process", delay)
                await asyncio.sleep(delay)

    def _say_end(self, how: str, delay: float) -> None:
        """What lasts is said once."""
        why, words = how, f"{self.name} {how}; starting it again in {delay:g} s"
        if self._last_error and not self._ready.is_set():
            why = self._last_error
            words = f"{self.name} cannot start, and is tried again and again: {why}"
        if why != self._why_ended:
            self._log.warning("%s", words)
        self._why_ended = why
        self._changed()

    async def _spawn(self) -> asyncio.Task[str]:
        """Returns what comes to say how it ended."""
        self._ready.clear()
        self._last_error = self._hung = ""
        self._watch.begin(time.monotonic())
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        with contextlib.ExitStack() as opened, theirs:
            opened.callback(self._ours.close)
            watch = {SUPERVISOR_FD: str(theirs.fileno()), WATCHDOG_USEC: str(int(self._watch.watch_seconds * 1e6))}
            # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which drains the parts in order.
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment | watch,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
            opened.pop_all()
        asyncio.get_running_loop().add_reader(self._ours, self._hear)
        self._end = asyncio.create_task(self._wait_for_end(process, self._ours))
        return self._end

    async def _wait_for_end(self, process: asyncio.subprocess.Process, ours: socket.socket) -> str:
        watching = asyncio.create_task(self._kill_when_silent(process))
        kills_before = memory.kills()
        try:
            await self._read_lines(process)
            status = await process.wait()
        finally:
            watching.cancel()
            self._hear()  # its last words
            asyncio.get_running_loop().remove_reader(ours)
            ours.close()
        is_short_of_memory = status == -signal.SIGKILL and memory.kills() > kills_before
        return self._hung or ("ran out of memory and was killed" if is_short_of_memory else _describe(status))

    async def _read_lines(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in _lines(process.stderr):
            if line.startswith(ERROR_PREFIX):
                self._last_error = line.removeprefix(ERROR_PREFIX)
                if not self._ready.is_set():
                    continue  # start() raises it; said once is enough
            self._heard(self.name, line)

    async def _kill_when_silent(self, process: asyncio.subprocess.Process) -> None:
        while not (silent := self._watch.look(time.monotonic())):
            await asyncio.sleep(self._watch.look_seconds)
            self._hear()  # what it said while this process did not run
        self._hung = f"said nothing for {silent:.0f} s and was killed"
        if process.returncode is None:
            process.send_signal(signal.SIGQUIT)  # it tells where its threads stand, if it can
        await asyncio.sleep(QUIT_SECONDS)
        self.kill()

    def _hear(self) -> None:
        while self._ours is not None and self._ours.fileno() >= 0:
            try:
                notice = self._ours.recv(LONGEST_NOTICE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                notice = b""
            if not notice:
                asyncio.get_running_loop().remove_reader(self._ours)
                return
            fields = parsed(notice)
            self._watch.hear(fields)
            if "READY" in fields:
                if self._why_ended:
                    self._log.info("%s is up again", self.name)
                self._why_ended = ""
                self._ready.set()
            if "STATUS" in fields:
                self._changed()


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

"""The command `logpost up`: the whole appliance in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from logpost.addresses import host_and_port
from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config, Loaded
from logpost.errors import StartError
from logpost.reload.changes import together
from logpost.reload.command import DIRECTORIES
from logpost.reload.control import PART_SECONDS, Answer, Control, asked
from logpost.reload.reloader import Reloader
from logpost.repeats import RepeatFilter
from logpost.service import STDERR, DirectoryLock, LineFormatter, keep_private, on_hangup, start_logging
from logpost.supervisor.part import Part
from logpost.supervisor.part_logs import PartLogs
from logpost.supervisor.plan import BOOTSTRAP_SERVERS, PORTS, Plan, plan, port_in
from logpost.supervisor.watch import START_SECONDS, WATCH_SECONDS
from logpost.systemd.journal import JOURNAL_STREAM, Journal, Lines, leads_to_journal
from logpost.systemd.notices import Notices

# One Ctrl-C may come twice: from the terminal, and passed on by the program that started us (make, timeout).
ONE_SIGNAL_SECONDS = 0.5
OWN_SETTINGS = ("data", "kafka.bootstrap_servers", *(f"{part}.port" for part in PORTS))
"""Settings that its parts are given by it, and do not see change in the file."""
REACH_SECONDS = 10.0
"""How long the broker's own address may take to answer, its name to be looked up included."""


def add_command(commands: Commands) -> None:
    add_parser(commands, "up", run)


def run(parsed: argparse.Namespace, config: Config) -> int:
    if importlib.util.find_spec("kio") is None or importlib.util.find_spec("chdb") is None:
        raise StartError("`logpost up` needs broker and web: pip install 'logpost[server]'")
    notices = Notices.from_environment()
    load = partial(loaded, parsed)
    planned = plan(load(), parsed.config, os.environ)
    keep_private(config.data_directory(), "log")
    lock = DirectoryLock(config.data_directory() / "log")
    part_logs = PartLogs(lock.directory)
    try:
        return asyncio.run(_Appliance(planned, part_logs, notices, config, load).run())
    finally:
        part_logs.close()
        lock.release()


class _Appliance:
    def __init__(
        self, planned: Plan, part_logs: PartLogs, notices: Notices, config: Config, load: Callable[[], Loaded]
    ) -> None:
        self._plan = planned
        self._notices = notices
        self._watch_seconds = notices.watch_seconds if math.isfinite(notices.watch_seconds) else WATCH_SECONDS
        self._journal = Journal() if leads_to_journal(STDERR) else None
        self._lines: dict[str, Lines] = {}
        self._up = ""
        """What it said when all parts were ready."""
        self._part_logs = part_logs
        self._log = start_logging("up", config.log_level)
        self._data = config.data_directory()
        self._reloader = Reloader(
            load, config, tables=OWN_SETTINGS, live=frozenset(), apply=lambda _, __: None, log=self._log
        )
        own_file = part_logs.file("up")
        own_file.setFormatter(LineFormatter())
        own_file.addFilter(RepeatFilter())
        self._log.addHandler(own_file)
        self._stop = asyncio.Event()
        self._stop_asked = 0.0
        self._parts: list[Part] = []
        self._control: Control | None = None

    async def run(self) -> int:
        """Until a signal comes. Raises StartError when a part cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        on_hangup(self._reload, lambda: loop.call_soon_threadsafe(self._on_signal))
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._stop.wait())
        turning = asyncio.create_task(self._turn())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
            self._notices.stopping()
            self._log.info("draining: agent, then web, then broker; Ctrl-C again stops at once")
        finally:
            starting.cancel()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError, StartError):
                await starting
            if self._control is not None:
                self._control.close()
            for part in self._parts:
                part.let_end()
            for part in reversed(self._parts):
                await part.stop()
            turning.cancel()
        self._log.info("stopped")
        return 0

    async def _start(self) -> None:
        if not self._plan.starts_broker:
            self._log.info("kafka.bootstrap_servers is %s: no broker is started here", self._plan.servers)
        environment = dict(self._plan.environment)
        if self._journal is None:
            environment.pop(JOURNAL_STREAM, None)  # of a session around; the agent believes that it is of its parts
        servers, address = self._plan.servers, ""
        for name, options in self._plan.parts:
            part = self._part(name, options, environment | ({BOOTSTRAP_SERVERS: servers} if servers else {}))
            await part.start()
            if name not in PORTS:
                continue
            port = port_in(part.ready_line)
            part.keep(PORTS[name], str(port))  # others have been told of it
            if name == "broker":
                servers = host_and_port(self._plan.broker_host, port)
                await _check_reach(self._plan.broker_host, port)
            else:
                address = f"http://{host_and_port(self._plan.web_host, port)}"
        self._log.info("logpost is up: %s (Kafka at %s); Ctrl-C drains and stops", address, servers)
        self._up = f"logpost is up: {address} (Kafka at {servers})"
        self._control = Control(self._data / "log", self._reload)
        self._notices.ready(self._up)

    def _reload(self) -> Answer:
        """All parts, of which each reads the settings for itself; one that is down reads them when it starts."""
        own = self._reloader.reload()
        if own.refused:
            return own
        asked_parts = [asked(self._data / DIRECTORIES[name], PART_SECONDS) for name, _ in self._plan.parts]
        answers = [answer for answer in asked_parts if answer is not None]
        if wrong := next((answer for answer in answers if answer.refused or answer.failed), None):
            return wrong
        return Answer(reloaded=together([own.reloaded, *(answer.reloaded for answer in answers)]))

    async def _turn(self) -> None:
        """As a task of the loop: a loop that hangs says nothing."""
        while self._notices.are_heard:
            self._notices.turn()
            await asyncio.sleep(min(self._notices.turn_seconds, WATCH_SECONDS))

    def _changed(self) -> None:
        """A part is another way than before, or gets on with what takes long."""
        told = ", ".join(part.state for part in self._parts if not (self._up and part.is_up))
        if self._up and not self._stop.is_set():
            self._notices.status(told or self._up)
        else:
            self._notices.advances(told, START_SECONDS)

    def _part(self, name: str, options: tuple[str, ...], environment: dict[str, str]) -> Part:
        part = Part(
            name,
            options,
            environment,
            log=self._log,
            heard=self._heard,
            changed=self._changed,
            watch_seconds=self._watch_seconds,
        )
        self._parts.append(part)
        return part

    def _on_signal(self) -> None:
        now = time.monotonic()
        if not self._stop.is_set():
            self._stop.set()
            self._stop_asked = now
        elif now - self._stop_asked > ONE_SIGNAL_SECONDS:
            for part in self._parts:
                part.kill()

    def _heard(self, part: str, line: str) -> None:
        lines = self._lines.setdefault(part, Lines(part))
        if self._journal is None or not self._journal.send(lines.entry(line)):
            with contextlib.suppress(OSError):  # a pipe that nobody reads any more, a full disk: the file has it too
                sys.stderr.write(f"{line}\n")
        self._part_logs.write(part, line)


async def _check_reach(host: str, port: int) -> None:
    """Raises StartError when the address that the broker gives its clients leads nowhere from here: all parts would
    wait for it for ever."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), REACH_SECONDS)
    except OSError as error:  # a TimeoutError is one
        raise StartError(
            f"the broker advertises {host_and_port(host, port)}, which cannot be reached from here "
            f"({error.strerror or 'no answer'}): set broker.advertised_host to a name or address that leads to it"
        ) from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()

"""The command `logpost up`: the whole appliance in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
import time

from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config
from logpost.errors import StartError
from logpost.service import DirectoryLock, LineFormatter, host_and_port, keep_private, start_logging
from logpost.supervisor.part import Part, alive_pipe
from logpost.supervisor.part_logs import PartLogs
from logpost.supervisor.plan import BOOTSTRAP_SERVERS, PORTS, Plan, plan, port_in

# One Ctrl-C may come twice: from the terminal, and passed on by the program that started us (make, timeout).
ONE_SIGNAL_SECONDS = 0.5
REACH_SECONDS = 10.0
"""How long the broker's own address may take to answer, its name to be looked up included."""


def add_command(commands: Commands) -> None:
    add_parser(commands, "up", run, "Run broker, web and an agent on this host's own logs, until Ctrl-C.")


def run(parsed: argparse.Namespace, config: Config) -> int:
    if importlib.util.find_spec("kio") is None or importlib.util.find_spec("chdb") is None:
        raise StartError("`logpost up` needs broker and web: pip install 'logpost[server]'")
    planned = plan(loaded(parsed), parsed.config, os.environ)
    keep_private(config.data_directory(), "log")
    lock = DirectoryLock(config.data_directory() / "log")
    part_logs = PartLogs(lock.directory)
    try:
        return asyncio.run(_Appliance(planned, part_logs).run())
    finally:
        part_logs.close()
        lock.release()


class _Appliance:
    def __init__(self, planned: Plan, part_logs: PartLogs) -> None:
        self._plan = planned
        self._part_logs = part_logs
        self._log = start_logging("up")
        own_file = part_logs.file("up")
        own_file.setFormatter(LineFormatter())
        self._log.addHandler(own_file)
        self._stop = asyncio.Event()
        self._stop_asked = 0.0
        self._alive_read, self._alive_write = alive_pipe()
        self._parts: list[Part] = []

    async def run(self) -> int:
        """Until a signal comes. Raises StartError when a part cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
            self._log.info("draining: agent, then web, then broker; Ctrl-C again stops at once")
        finally:
            starting.cancel()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError, StartError):
                await starting
            for part in self._parts:
                part.let_end()
            for part in reversed(self._parts):
                await part.stop()
            os.close(self._alive_write)
            os.close(self._alive_read)
        self._log.info("stopped")
        return 0

    async def _start(self) -> None:
        if not self._plan.starts_broker:
            self._log.info("kafka.bootstrap_servers is %s: no broker is started here", self._plan.servers)
        environment = dict(self._plan.environment)
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

    def _part(self, name: str, options: tuple[str, ...], environment: dict[str, str]) -> Part:
        part = Part(name, options, environment, alive_fd=self._alive_read, say=self._log.info, heard=self._heard)
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

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
from logpost.service import DirectoryLock, LineFormatter, start_logging
from logpost.supervisor.part import Part, alive_pipe
from logpost.supervisor.part_logs import PartLogs
from logpost.supervisor.plan import Plan, plan

# One Ctrl-C may come twice: from the terminal, and passed on by the program that started us (make, timeout).
ONE_SIGNAL_SECONDS = 0.5


def add_command(commands: Commands) -> None:
    add_parser(commands, "up", run, "Run broker, web and an agent on this host's own logs, until Ctrl-C.")


def run(parsed: argparse.Namespace, config: Config) -> int:
    if importlib.util.find_spec("kio") is None or importlib.util.find_spec("chdb") is None:
        raise StartError("`logpost up` needs broker and web: pip install 'logpost[server]'")
    planned = plan(loaded(parsed), parsed.config, os.environ)
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
        self._parts = [
            Part(
                name,
                options,
                planned.environment,
                alive_fd=self._alive_read,
                say=self._log.info,
                heard=self._heard,
            )
            for name, options in planned.parts
        ]

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
        for part in self._parts:
            await part.start()
        address, servers = self._plan.address, self._plan.servers
        self._log.info("logpost is up: %s (Kafka at %s); Ctrl-C drains and stops", address, servers)

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

"""The broker: `with Broker() as broker: …` inside a test or a program, `Broker(…).run(…)` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from logpost.addresses import host_and_port
from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost.listening import bind, reachable_host
from logpost.service import DirectoryLock
from logpost.systemd.notices import Notices
from logpost_broker.log.files import Files
from logpost_broker.node import Node
from logpost_broker.server.listener import Listener

EMBEDDED = BrokerConfig(port=0, metrics_port=0, disk_reserve_bytes=0, retention_ms=-1)
"""For tests and programs: nothing goes while they run, whatever its timestamp, and nothing stays."""
MEMORY = Path("/dev/shm")
"""Linux has a file system in memory here; elsewhere the usual temporary directory has to do."""


ADVANCE_SECONDS = 90.0
"""How long one step of recovery, such as the check of a segment, may take."""
LONGEST_TURN_SECONDS = 60.0
RECONFIGURE_SECONDS = 20.0
LIVE = frozenset(
    {
        "broker.auto_create_topics",
        "broker.num_partitions",
        "broker.max_partitions",
        "broker.compression_type",
        "broker.segment_bytes",
        "broker.retention_ms",
        "broker.retention_check_seconds",
        "broker.retention_groups",
        "broker.offsets_retention_check_seconds",
        "broker.disk_reserve_bytes",
        "broker.cleaner_check_seconds",
        "broker.cleaner_io_bytes_per_second",
        "broker.cleaner_dedupe_buffer_bytes",
        "broker.message_max_bytes",
        "broker.max_request_bytes",
        "broker.queued_max_request_bytes",
        "broker.queued_max_answer_bytes",
        "broker.max_connections",
        "broker.connections_max_idle_ms",
        "broker.consumer_session_timeout_ms",
        "broker.consumer_heartbeat_interval_ms",
        "broker.streams_session_timeout_ms",
        "broker.streams_heartbeat_interval_ms",
        "broker.streams_num_standby_replicas",
        "broker.streams_initial_rebalance_delay_ms",
    }
)
"""Settings that hold without a restart."""


class _StoppedError(Exception):
    """A stop came before the broker was ready."""


class Broker:
    """A broker on a free loopback port, in a thread of its own, with a temporary data directory; unless told otherwise.

    `config`: the settings of `[broker]`. `data`: the directory of the logs, locked while the broker runs. `memory`: the
    temporary directory is in memory, where the system has a place for that. Raises ValueError for both. `files`: the
    file system, unless it is the system's own. `notices`: who hears that it turns.
    """

    def __init__(
        self,
        config: BrokerConfig = EMBEDDED,
        data: Path | None = None,
        *,
        memory: bool = False,
        files: Files | None = None,
        notices: Notices | None = None,
    ) -> None:
        if memory and data is not None:
            raise ValueError("a broker keeps its data in memory or in a directory of yours, not both")
        self.config = config
        self._files = files
        self._notices = notices or Notices()
        self._data = data
        self._temporary_parent = MEMORY if memory and os.access(MEMORY, os.W_OK) else None
        self.directory = Path()
        """Where the logs are, once the broker is ready."""
        self._addresses: list[tuple[str, int]] = []
        self._is_stop_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._running: tuple[Node, Listener] | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None

    @property
    def port(self) -> int:
        """The port, once the broker is ready."""
        return self._addresses[0][1]

    @property
    def bootstrap_servers(self) -> str:
        """What a client is given as `bootstrap.servers`."""
        return host_and_port(self.host, self.port)

    @property
    def host(self) -> str:
        """The name that clients are told to connect to."""
        return reachable_host(self.config.listen, self.config.advertised_host)

    def start(self) -> Broker:
        """Run in a thread; returns when clients can connect. Raises what `run` raises at its start."""
        self._ready.clear()
        self._is_stop_wanted = False
        self._error = None
        self._thread = threading.Thread(target=self._run_in_thread, name="broker", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def _run_in_thread(self) -> None:
        try:
            self.run(self._ready.set)
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._error = error
        self._ready.set()

    def stop(self) -> None:
        """Stop in order: answer what is open, sync, mark the directory as cleanly shut down. From any thread, any
        number of times; waits for a broker that runs in a thread."""
        self._is_stop_wanted = True
        if self._loop is not None and self._stopped is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Run until `stop` is called; `on_ready` is called when clients can connect. Raises StartError when the port is
        taken or the directory cannot be used, ConfigError for an address that is not loopback."""
        if self._data is not None:
            self._run_on(self._data, on_ready)
            return
        with tempfile.TemporaryDirectory(prefix="logpost-broker-", dir=self._temporary_parent) as temporary:
            self._run_on(Path(temporary), on_ready)

    def _run_on(self, directory: Path, on_ready: Callable[[], None]) -> None:
        self.directory = directory
        lock = DirectoryLock(directory)
        try:
            sockets = bind(self.config.listen, self.config.port, insecure=self.config.insecure, setting="broker.port")
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(self._serve(directory, sockets, on_ready))
        finally:
            lock.release()

    async def _serve(self, directory: Path, sockets: list[socket.socket], on_ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        if self._is_stop_wanted:
            self._stopped.set()
        self._addresses = [listening.getsockname()[:2] for listening in sockets]
        with ExitStack() as at_end:
            for listening in sockets:
                at_end.callback(listening.close)
            node = Node(self.config, directory, host=self.host, port=self.port, files=self._files)
            if self.config.metrics_port:
                at_end.callback(node.partitions.metrics.serve(self.config.listen, self.config.metrics_port))
            try:
                node.open(self._advance)
            except _StoppedError:
                node.partitions.logs.abandon()
                return
            try:
                await node.start(self._advance)
            except _StoppedError:  # all is recovered
                await node.partitions.close(self._say)
                return
            listener = Listener(node)
            await listener.start(sockets)
            self._running = node, listener
            on_ready()
            turning = asyncio.create_task(self._turn())
            await self._stopped.wait()
            self._running = None
            await listener.stop()
            turning.cancel()
            await node.stop(self._say)

    async def _turn(self) -> None:
        """As a task of the loop: a loop that hangs says nothing."""
        while self._notices.are_heard:
            self._notices.turn()
            await asyncio.sleep(min(self._notices.turn_seconds, LONGEST_TURN_SECONDS))

    def _advance(self, status: str) -> None:
        """Recovery may take long, and a stop ends it."""
        if self._is_stop_wanted:
            raise _StoppedError
        self._say(status)

    def _say(self, status: str) -> None:
        self._notices.advances(status, ADVANCE_SECONDS)

    def reconfigure(self, config: BrokerConfig) -> None:
        """Let those of other settings hold that are in `LIVE`. Waits for it; from any thread but the loop's. Raises
        StartError where it is not running."""
        running, loop = self._running, self._loop
        if running is None or loop is None:
            raise StartError("the broker is not ready, or stops: its settings stay as they were")
        busy = StartError("the broker is busy or stops: its settings stay as they were")
        reconfiguring = _reconfigure(*running, config)
        try:
            asked = asyncio.run_coroutine_threadsafe(reconfiguring, loop)
        except RuntimeError as error:  # its loop is closed
            reconfiguring.close()
            raise busy from error
        try:
            asked.result(RECONFIGURE_SECONDS)
        except (CancelledError, TimeoutError) as error:  # its loop ends, or hangs
            asked.cancel()
            raise busy from error
        self.config = config

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What the broker listens on, once it is ready."""
        return self._addresses


async def _reconfigure(node: Node, listener: Listener, config: BrokerConfig) -> None:
    node.reconfigure(config)
    listener.reconfigure()


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, which halves the CPU of small requests; asyncio's own where uvloop is missing."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

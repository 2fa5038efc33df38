"""`logpost web`: the indexer, and the application on its sockets; started in order, drained in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from prometheus_client import REGISTRY
from starlette.types import ASGIApp

from logpost.addresses import host_and_port
from logpost.config import Config, Loaded
from logpost.errors import LogpostError
from logpost.listening import bind, reachable_host
from logpost.reload.control import Control
from logpost.reload.reloader import Reloader
from logpost.service import keep_private, on_hangup, on_stop, start_logging
from logpost.systemd.notices import Notices
from logpost.systemd.working import working
from logpost_web.api.queries import Queries
from logpost_web.api.services import Services
from logpost_web.app import create_app
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.exporter.exporter import KafkaCollector
from logpost_web.http.connection import connection_class, connection_limit, open_file_limit
from logpost_web.http.own_hosts import machine_names, own_hosts
from logpost_web.indexer.indexer import Indexer
from logpost_web.memory_use import forget_library, keep_little
from logpost_web.store.store import Store

TICK_SECONDS = 1.0
"""How often answers get another `Date`."""
DRAIN_SECONDS = 5
"""How long answers that are under way may take at the end."""
ENGINE_LIBRARY = "_chdb"
GC_THRESHOLD = 50_000
"""The indexer holds thousands of messages at a time, none of them in a cycle: at Python's default of 700 the collector
took a fifth of its time."""

LIVE = frozenset(
    {
        "web.max_connections",
        "store.block_rows",
        "store.block_bytes",
        "store.block_seconds",
        "store.max_message_bytes",
        "store.max_attributes_bytes",
        "store.disk_reserve_bytes",
        "store.keep",
        "store.max_bytes",
        "store.retention",
    }
)
"""Settings that hold without a restart."""


def serve(config: Config, load: Callable[[], Loaded]) -> None:
    """Run until SIGTERM; `load` reads the settings again. The broker need not be there: the indexer waits for it.

    Raises ConfigError, StartError, and LogpostError when the indexer cannot go on: a fresh start is the way out, and
    the supervisor's."""
    notices = Notices.from_environment()
    log = start_logging("web", config.log_level)
    for name in ("urllib3", "clickhouse_connect"):  # what they warn of at each try, the store says in its error
        logging.getLogger(name).setLevel(logging.ERROR)
    keep_little()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    sockets = bind(config.web.listen, config.web.port, insecure=config.web.insecure, setting="web.port")
    keep_private(config.data_directory(), "store")
    with working(notices, "opening the store"):
        store = Store.open(config.store, config.data_directory() / "store")
    forget_library(ENGINE_LIBRARY)
    try:
        indexer = Indexer(config, store, notices.loop())
        REGISTRY.register(KafkaCollector(config.kafka))
        services = Services(
            queries=Queries(store, config.store),
            indexer=indexer,
            topic_reader=TopicReader(config),
            kafka=config.kafka,
        )
        connections = connection_class(connection_limit(config.web.max_connections, open_file_limit()))
        server = _Server(
            create_app(services, own_hosts(config.web, machine_names()), external_url=config.web.external_url),
            connections,
            log,
            reachable_host(config.web.listen),
            notices,
        )
        on_stop(server.stop, notices)

        def apply(_: Config, after: Config) -> None:
            indexer.reconfigure(after.store)
            connections.most = connection_limit(after.web.max_connections, open_file_limit())

        tables = ("web", "store", "kafka", "data")
        reloader = Reloader(load, config, tables=tables, live=LIVE, apply=apply, log=log)
        on_hangup(reloader.reload, server.stop)
        control = Control(store.directory, reloader.reload)
        indexer.start(on_failure=server.stop)
        try:
            server.run(sockets)
        finally:
            notices.stopping()  # also where nobody asked for it
            control.close()
            with working(notices, "closing the store"):
                services.queries.close()
                indexer.stop()
        if indexer.failure:
            raise LogpostError(f"the indexer cannot go on: {indexer.failure}")
    finally:
        with working(notices, "closing the store"):
            store.close()
    log.info("stopped")


class _Server(uvicorn.Server):
    """uvicorn on sockets that are bound already, quiet except for the line that says it is ready."""

    def __init__(
        self, app: ASGIApp, connection: type[asyncio.Protocol], log: logging.Logger, host: str, notices: Notices
    ) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Addresses that a client claims for itself are nobody's: it would take more than its share.
                proxy_headers=False,
                lifespan="off",
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )
        self._log = log
        self._host = host
        self._notices = notices
        self._wake: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        ready = f"ready: http://{host_and_port(self._host, sockets[0].getsockname()[1])}"
        self._log.info("%s", ready)
        self._notices.ready(ready)

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it is to stop."""
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, asked.set)
        while not await self.on_tick(0):
            self._notices.turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), min(TICK_SECONDS, self._notices.turn_seconds))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    def stop(self) -> None:
        """Any thread."""
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # its loop has ended already
            self._wake()

"""The listening sockets and the connections they gave: no more than leave the broker the descriptors that it needs."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Sequence

from logpost.said_once import SaidOnce
from logpost_broker.node import Node
from logpost_broker.server.connection import Connection
from logpost_broker.server.dispatcher import Dispatcher
from logpost_broker.wire.framing import Chunk

DRAIN_SECONDS = 5.0
"""How long open requests may take to be answered when the broker stops."""
CONNECTION_SHARE = 0.4
"""Of the descriptors that the process may have; half are for the logs (`log/descriptors.py`), the rest for what must
not fail: syncs, the metadata file, checkpoints, compaction, scrapes."""
IDLE_CHECKS = 10
"""How often to look at a connection within the time that it may be idle."""

logger = logging.getLogger("broker")


def connection_limit(wanted: int) -> int:
    """How many connections there may be: `wanted`, and no more than the process's limit of open files allows; 0: as
    many as that allows."""
    allowed = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * CONNECTION_SHARE)
    return min(wanted, allowed) if wanted else allowed


class Listener:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._dispatcher = Dispatcher(node)
        self._chunk = Chunk()
        self._connections: set[Connection] = set()
        self._said = SaidOnce(logger)
        self._is_stopping = False
        self._servers: list[asyncio.Server] = []
        self._all_lost = asyncio.Event()
        self._next_check: asyncio.TimerHandle | None = None
        self.reconfigure()

    def reconfigure(self) -> None:
        """Take the node's settings; connections above a new limit stay."""
        config = self._node.partitions.config
        self._limit = connection_limit(config.max_connections)
        self._node.partitions.metrics.connections.limit.set(self._limit)
        self._idle_seconds = config.connections_max_idle_ms / 1000

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for listening in sockets:
            self._servers.append(await loop.create_server(self._connect, sock=listening, backlog=1024))
        self._check_later()

    def _connect(self) -> Connection:
        connection = Connection(self._node, self._dispatcher, self._chunk, self._lost)
        if self._is_stopping or self._is_full():
            connection.closed = True
        self._connections.add(connection)
        self._node.partitions.metrics.connections.open.set(len(self._connections))
        return connection

    def _is_full(self) -> bool:
        if len(self._connections) < self._limit:
            self._said.over("limit")
            return False
        self._node.partitions.metrics.connections.above_limit.inc()
        self._said.warn(
            "limit", "refusing connections: %d are open, which is the limit (broker.max_connections)", self._limit
        )
        return True

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._node.partitions.metrics.connections.open.set(len(self._connections))
        if not self._connections:
            self._all_lost.set()

    def _check_later(self) -> None:
        after = self._idle_seconds / IDLE_CHECKS
        self._next_check = asyncio.get_running_loop().call_later(after, self._close_idle)

    def _close_idle(self) -> None:
        before = asyncio.get_running_loop().time() - self._idle_seconds
        for connection in tuple(self._connections):
            if connection.is_idle_since(before):
                self._node.partitions.metrics.connections.idle.inc()
                connection.abort()
        self._check_later()

    async def stop(self) -> None:
        """Accept nothing more, answer what is open, close."""
        self._is_stopping = True
        if self._next_check is not None:
            self._next_check.cancel()
        for server in self._servers:
            server.close()
        self._node.partitions.release_parked()
        self._all_lost.clear()
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections:
            try:
                await asyncio.wait_for(self._all_lost.wait(), DRAIN_SECONDS)
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.abort()
        self._dispatcher.close()

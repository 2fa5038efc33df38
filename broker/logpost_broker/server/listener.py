"""The listening sockets and the connections they gave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from logpost_broker.node import Node
from logpost_broker.server.connection import Connection
from logpost_broker.server.dispatcher import Dispatcher

DRAIN_SECONDS = 5.0
"""How long open requests may take to be answered when the broker stops."""
IDLE_CHECKS = 10
"""How often a connection is looked at in the time that it may be idle."""


class Listener:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._dispatcher = Dispatcher(node)
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._all_lost = asyncio.Event()
        self._idle_seconds = node.config.connections_max_idle_ms / 1000
        self._next_check: asyncio.TimerHandle | None = None

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for listening in sockets:
            self._servers.append(await loop.create_server(self._connect, sock=listening, backlog=1024))
        self._check_later()

    def _connect(self) -> Connection:
        connection = Connection(self._dispatcher, self._node.metrics, self._node.config.max_request_bytes, self._lost)
        self._connections.add(connection)
        self._node.metrics.connections.set(len(self._connections))
        return connection

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._node.metrics.connections.set(len(self._connections))
        if not self._connections:
            self._all_lost.set()

    def _check_later(self) -> None:
        after = self._idle_seconds / IDLE_CHECKS
        self._next_check = asyncio.get_running_loop().call_later(after, self._close_idle)

    def _close_idle(self) -> None:
        before = asyncio.get_running_loop().time() - self._idle_seconds
        for connection in tuple(self._connections):
            if connection.is_idle_since(before):
                self._node.metrics.idle.inc()
                connection.transport.abort()
        self._check_later()

    async def stop(self) -> None:
        """Accept nothing more, answer what is open, close."""
        if self._next_check is not None:
            self._next_check.cancel()
        for server in self._servers:
            server.close()
        self._node.release_parked()
        self._all_lost.clear()
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections:
            try:
                await asyncio.wait_for(self._all_lost.wait(), DRAIN_SECONDS)
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.transport.abort()

"""`/metrics` of a part that serves nothing else over HTTP, in threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from logpost.errors import StartError
from logpost.service import LOOPBACK


def serve(registry: CollectorRegistry, listen: str, port: int, *, setting: str) -> Callable[[], None]:
    """Answer scrapes on `listen`:`port`, of `localhost` on both addresses; returns what stops that. Raises StartError,
    which names the `setting`, when the port is taken."""
    servers: list[tuple[WSGIServer, Thread]] = []

    def stop() -> None:
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join()

    for address in LOOPBACK if listen == "localhost" else (listen,):
        try:
            servers.append(start_http_server(port, address, registry))
        except OSError as error:
            if servers:
                continue  # a host without IPv6
            raise StartError(f"cannot listen on {address} port {port}: {error.strerror} ({setting})") from error
    return stop

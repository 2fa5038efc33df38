"""Only requests that name this server in `Host` are answered.

Without this, a page of any site whose name is pointed at 127.0.0.1 after it was loaded could read all logs through the
browser of a person who has it open (DNS rebinding): to the browser it is one origin.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.parse
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from logpost.config import WebConfig
from logpost_web.http.errors import error_response

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def own_hosts(web: WebConfig, machine_names: Iterable[str]) -> frozenset[str]:
    """The hosts that `web` answers to beside the address a connection came in at. Pure.

    The names of the machine count where it can be reached by them: where it does not listen on loopback alone.
    """
    hosts = set(LOOPBACK)
    if web.listen not in LOOPBACK:
        hosts.add(_normal(web.listen))
        hosts.update(_normal(name) for name in machine_names if name)
    if web.external_url:
        hosts.add(_normal(urllib.parse.urlsplit(web.external_url).hostname or ""))
    return frozenset(hosts)


def machine_names() -> list[str]:
    """May ask the name server."""
    return [socket.gethostname(), socket.getfqdn()]


def host_of(header: str) -> str:
    """`[::1]:8080` → `::1`, `LocalHost.` → `localhost`; the empty text for what is no host with or without a port."""
    host, colon, port = header.rpartition(":")
    if not colon or header.endswith("]"):
        host, port = header, ""
    if port and not (port.isascii() and port.isdigit()):
        return ""
    if host.startswith("[") and host.endswith("]"):
        return _normal(host[1:-1])
    return "" if ":" in host else _normal(host)


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


class OwnHosts:
    """Middleware: 421 for another `Host` than `hosts` and the address that the client is connected to.

    HTTP/1.0 without one is answered: probes send that, browsers never do.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        if named is None or self._is_own(host_of(named), scope):
            await self._app(scope, receive, send)
            return
        message = (
            f"this server does not answer to the name {named[:255]!r}: "
            "set web.external_url to the address that people open, for example http://logs.example.org:8080"
        )
        await error_response(421, "unknown_host", message)(scope, receive, send)

    def _is_own(self, host: str, scope: Scope) -> bool:
        server = scope.get("server")
        return host in self._hosts or (server is not None and bool(host) and host == _normal(str(server[0])))

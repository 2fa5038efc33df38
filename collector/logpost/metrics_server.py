"""`/metrics` of a part that serves nothing else over HTTP: one thread that waits, and one for each scrape.

What prometheus_client starts instead looks twice a second, on each address, whether it is to stop.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from logpost.listening import bind, is_address, is_loopback

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

REQUEST_SECONDS = 10.0
"""How long a connection may say nothing."""
PAUSE_SECONDS = 1.0
"""After a connection that could not be taken, for want of descriptors or threads."""


def serve(registry: Callable[[], Collector], listen: str, port: int, *, setting: str) -> Callable[[], None]:
    """Answer scrapes on `listen`:`port`, of `localhost` on both addresses; returns what stops that. `registry` is
    called at the first scrape. Raises StartError, which names the `setting`, when the port is taken."""
    listeners = bind(listen, port, insecure=True, setting=setting)
    scrapes = _Scrapes(listeners, registry, is_local=all(is_loopback(each.getsockname()[0]) for each in listeners))
    thread = threading.Thread(target=scrapes.run, name="metrics", daemon=True)
    thread.start()

    def stop() -> None:
        scrapes.end()
        thread.join()
        scrapes.close()

    return stop


class _Scrapes:
    def __init__(
        self, listeners: Iterable[socket.socket], registry: Callable[[], Collector], *, is_local: bool
    ) -> None:
        """`is_local`: only programs of this host come, and browsers that a page of any site sends here."""
        self._is_local = is_local
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._registry = registry
        self._ended, self._end = socket.socketpair()

    def run(self) -> None:
        until_end = _polled([self._ended.fileno()])
        until_any = _polled([self._ended.fileno(), *self._listeners])
        while not until_end.poll(0):
            for descriptor, _ in until_any.poll():
                if descriptor in self._listeners and not self._take(self._listeners[descriptor]):
                    until_end.poll(PAUSE_SECONDS * 1000)

    def end(self) -> None:
        self._end.close()

    def close(self) -> None:
        for each in (*self._listeners.values(), self._ended):
            each.close()

    def _take(self, listener: socket.socket) -> bool:
        try:
            connection, address = listener.accept()
            threading.Thread(target=self._answer, args=(connection, address), daemon=True).start()
        except (OSError, RuntimeError):
            return False
        return True

    def _answer(self, connection: socket.socket, address: object) -> None:
        with connection, contextlib.suppress(OSError):
            self._handler(connection, address, None)

    @cached_property
    def _handler(self) -> Callable[..., Any]:
        from prometheus_client import MetricsHandler  # and with it all that speaks HTTP: when somebody asks

        base: Any = MetricsHandler.factory(self._registry())
        is_local = self._is_local

        def do_get(handler: Any) -> None:
            """A name that was pointed at this host is another site's: DNS rebinding."""
            if is_local and not _is_own(handler.headers.get("Host", "localhost")):
                handler.send_error(421, "this server answers to localhost")
            else:
                base.do_GET(handler)

        return type("Handler", (base,), {"timeout": REQUEST_SECONDS, "do_GET": do_get})


def _is_own(named: str) -> bool:
    """Whether `Host` names no site: a page cannot have an address for its name."""
    host = re.sub(r":[0-9]*\Z", "", named).strip("[]").removesuffix(".")
    return host.lower() == "localhost" or is_address(host)


def _polled(descriptors: Iterable[int]) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll

"""A connection of the web: uvicorn's, with a deadline for each request and a limit on how many there are."""

from __future__ import annotations

import asyncio
import resource
from typing import ClassVar

import h11
from prometheus_client import Counter
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10
"""From the first byte of a request, or from the connection, to the request's last byte."""
SEND_SECONDS = 60
"""How long a client may take nothing of an answer that waits for it."""
MOST_AHEAD_BYTES = 65_536
"""What a client may send of its next requests before it has its answer."""
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: text/plain\r\n\r\n"
    b"more connections than web.max_connections\n"
)
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

REFUSED = Counter("logpost_web_connections_refused", "Connections above web.max_connections.")
TIMED_OUT = Counter(
    "logpost_web_connections_timed_out", "Connections closed by a deadline, by what was late.", ["late"]
)


def connection_limit(max_connections: int, max_files: int) -> int:
    """How many connections may be open at once: half of the files that the process may open stay the store's."""
    return min(max_connections, max_files // 2)


def open_file_limit() -> int:
    """Of this process; large where there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


class Connection(H11Protocol):
    """Of a class that `connection_class` makes."""

    most: ClassVar[int]
    request_seconds: ClassVar[float]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._request_deadline: asyncio.TimerHandle | None = None
        self._send_deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > self.most:
            REFUSED.inc()
            transport.write(REFUSAL)
            transport.close()
        else:
            self._watch_request()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_request()
        if self.conn.their_state is h11.DONE and self.flow.read_paused:
            self._go_on_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        for deadline in (self._request_deadline, self._send_deadline):
            if deadline is not None:
                deadline.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_deadline = self.loop.call_later(SEND_SECONDS, self._end, "answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._send_deadline is not None:
            self._send_deadline.cancel()

    def _watch_request(self) -> None:
        is_whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if is_whole and self._request_deadline is not None:
            self._request_deadline.cancel()
            self._request_deadline = None
        elif not is_whole and self._request_deadline is None:
            self._request_deadline = self.loop.call_later(self.request_seconds, self._end, "request")

    def _go_on_reading(self) -> None:
        """uvicorn stops to read when the next request comes before the answer: it would not see a client that goes."""
        if len(self.conn.trailing_data[0]) > MOST_AHEAD_BYTES:
            self.transport.abort()
        else:
            self.flow.resume_reading()

    def _end(self, late: str) -> None:
        TIMED_OUT.labels(late).inc()
        if late == "request" and self.conn.our_state is h11.IDLE:
            self.transport.write(TOO_SLOW)
            self.transport.close()
        else:
            self.transport.abort()


def connection_class(most: int, request_seconds: float = REQUEST_SECONDS) -> type[Connection]:
    """What uvicorn makes of each connection (its setting `http`); limits how many there are at once."""
    return type("Connection", (Connection,), {"most": most, "request_seconds": request_seconds})

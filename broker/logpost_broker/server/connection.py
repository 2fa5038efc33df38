"""One client's connection: bytes in, frames to the dispatcher, answers out in the order of their requests.

Back-pressure: while the client does not read its answers, has too many requests open, or is held because what it
produced waits for being compressed, nothing more is read from it.
A request whose answer is large waits until the answers before its own have left: a client holds one of them at most.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Hashable
from typing import cast

from logpost_broker.errors import ProtocolError
from logpost_broker.log.batch import Buffer
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.server.dispatcher import Dispatcher, Parked
from logpost_broker.wire.framing import Frame, FrameReader

MAX_OPEN_REQUESTS = 64
WRITE_BUFFER_BYTES = 1024 * 1024

logger = logging.getLogger("broker")


class _Reply:
    """The place of an answer in the order of answers."""

    __slots__ = ("buffers", "is_ready")

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.is_ready = False

    def complete(self, buffers: list[Buffer] | None) -> None:
        """None: nothing is sent."""
        self.buffers, self.is_ready = buffers or [], True


class Connection(asyncio.BufferedProtocol):
    def __init__(
        self,
        dispatcher: Dispatcher,
        metrics: BrokerMetrics,
        max_frame_bytes: int,
        on_lost: Callable[[Connection], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._reader = FrameReader(max_frame_bytes)
        self._on_lost = on_lost
        self._frames: deque[Frame] = deque()
        self._replies: deque[_Reply] = deque()
        self._is_write_paused = False
        self._is_draining = False
        self._is_starting = False
        self._is_held = False
        self._is_sending_soon = False
        self.closed = False
        self._used = asyncio.get_running_loop().time()
        self._when_lost: dict[Hashable, Callable[[], None]] = {}
        self._peer = ""
        self._host = ""
        self._transport: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None, "not connected"
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        # A host that is gone without a word is noticed although it is owed an answer.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peername = transport.get_extra_info("peername") or ("unknown", 0)
        self._host = str(peername[0])
        self._peer = f"{self._host} port {peername[1]}"

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._reader.buffer()

    def is_idle_since(self, time: float) -> bool:
        """Nothing came or went since a time of the loop's clock, and no answer is awaited: not used, or not read."""
        return self._used <= time and not self._replies

    def buffer_updated(self, nbytes: int) -> None:
        self._used = asyncio.get_running_loop().time()
        try:
            self._frames.extend(self._reader.received(nbytes))
        except ProtocolError as error:
            self._refuse(error)
            return
        self._serve()

    def _serve(self) -> None:
        """Handle the frames that are here, as long as there is room for their answers."""
        while not self.closed and self._frames and self._may_handle(self._frames[0]):
            self._handle(self._frames.popleft())
            if not self._frames or not self._may_handle(self._frames[0]):
                self._send_ready()
        if self.closed:
            return
        if self._has_room and not self._frames and not self._is_draining:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()
            self._close_when_drained()

    def _may_handle(self, frame: Frame) -> bool:
        return self._has_room and not (self._replies and self._dispatcher.has_large_answer(frame))

    @property
    def _has_room(self) -> bool:
        return (
            not (self._is_write_paused or self._is_starting or self._is_held) and len(self._replies) < MAX_OPEN_REQUESTS
        )

    def when_lost(self, key: Hashable, call: Callable[[], None]) -> None:
        self._when_lost[key] = call

    def hold(self) -> None:
        self._is_held = True

    def go_on(self) -> None:
        self._is_held = False
        self._serve()

    def _handle(self, frame: Frame) -> None:
        try:
            answer = self._dispatcher.dispatch(frame, self._host, self)
        except ProtocolError as error:
            self._refuse(error)
            return
        except Exception:
            logger.exception("request failed, closing the connection of %s: %s", self._peer, frame[:32].hex())
            self._abort()
            return
        if answer is None:
            return
        reply = _Reply()
        self._replies.append(reply)
        if isinstance(answer, Parked):
            if answer.starts_next_turn:
                self._is_starting = True
                asyncio.get_running_loop().call_soon(self._started)
            answer.response.add_done_callback(lambda response: self._answered(reply, answer, response))
        else:
            reply.complete(answer)

    def _started(self) -> None:
        self._is_starting = False
        self._serve()

    def _answered(self, reply: _Reply, parked: Parked, response: asyncio.Future[object]) -> None:
        if response.cancelled():
            return
        try:
            reply.complete(parked.encode(response.result()))
        except ProtocolError as error:
            self._refuse(error)
        except Exception:
            logger.exception("request failed, closing the connection of %s", self._peer)
            self._abort()
        else:
            self._send_soon()

    def _send_soon(self) -> None:
        """Send at the end of this turn of the loop: one sync answers many requests, and one write sends all answers."""
        if not self._is_sending_soon:
            self._is_sending_soon = True
            asyncio.get_running_loop().call_soon(self._send_and_go_on)

    def _send_and_go_on(self) -> None:
        self._is_sending_soon = False
        if not self.closed:
            self._send_ready()
            self._serve()

    def _send_ready(self) -> None:
        buffers: list[Buffer] = []
        while self._replies and self._replies[0].is_ready:
            buffers += self._replies.popleft().buffers
        if buffers:
            self._used = asyncio.get_running_loop().time()
            self.transport.writelines(buffers)

    def pause_writing(self) -> None:
        self._is_write_paused = True

    def resume_writing(self) -> None:
        self._used = asyncio.get_running_loop().time()
        self._is_write_paused = False
        self._serve()

    def drain(self) -> None:
        """Handle nothing new; close when the requests that are open have their answers."""
        self._is_draining = True
        self._frames.clear()
        if not self.closed:
            self.transport.pause_reading()
            self._close_when_drained()

    def _close_when_drained(self) -> None:
        if self._is_draining and not self._replies:
            self.transport.close()

    def _refuse(self, error: ProtocolError) -> None:
        logger.warning("closing the connection of %s: %s", self._peer, error)
        self._abort()

    def _abort(self) -> None:
        """Close after what is already written; answers still open are dropped."""
        self._metrics.refused.inc()
        self.closed = True
        self._frames.clear()
        self._replies.clear()
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._frames.clear()
        for call in self._when_lost.values():
            call()
        self._on_lost(self)

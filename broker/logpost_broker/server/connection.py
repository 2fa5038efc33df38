"""One client's connection: bytes in, frames to the dispatcher, answers out in the order of their requests.

Back-pressure: while the client does not read its answers, has too many requests open or too many bytes of answers
waiting for one before them, or is held because what it produced waits for being compressed, nothing more is read
from it. A request whose answer is large waits until the answers before its own have left: a client holds one at most.

Taking turns: who sent many requests has some of them handled, then stands in line with the others (`turns.py`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import cast

from logpost_broker.errors import MalformedError, ProtocolError
from logpost_broker.log.batch import Buffer
from logpost_broker.node import Node
from logpost_broker.server.dispatcher import Dispatcher, Parked
from logpost_broker.wire.framing import Chunk, Frame, FrameReader

MAX_OPEN_REQUESTS = 64
WRITE_BUFFER_BYTES = 64 * 1024
"""While a client has more than this to read, none of its requests is handled."""
READY_BYTES = 1024 * 1024
"""Most bytes of answers that may wait for one before them."""
SLICE_SECONDS = 0.0005
"""How long requests of one connection are handled before others have their turn, except the last of them."""

logger = logging.getLogger("broker")


class _Reply:
    """The place of an answer in the order of answers."""

    __slots__ = ("buffers", "is_ready")

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.is_ready = False

    def complete(self, buffers: list[Buffer] | None) -> int:
        """Returns how many bytes wait to be sent; None: nothing is."""
        self.buffers, self.is_ready = buffers or [], True
        return sum(map(len, self.buffers))


class Connection(asyncio.BufferedProtocol):
    def __init__(self, node: Node, dispatcher: Dispatcher, chunk: Chunk, on_lost: Callable[[Connection], None]) -> None:
        self._node = node
        self._dispatcher = dispatcher
        self._reader = FrameReader(node.partitions.config.max_request_bytes, chunk)
        self._on_lost = on_lost
        self._frame: Frame | None = None
        """The next to be handled."""
        self._replies: deque[_Reply] = deque()
        self._ready_bytes = 0
        self._is_write_paused = False
        self._is_draining = False
        self._is_starting = False
        self._holds = 0
        self._is_in_line = False
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
        if self.closed:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        # A host that is gone without a word is noticed although it is owed an answer.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peername = transport.get_extra_info("peername") or ("unknown", 0)
        self._host = str(peername[0])
        self._peer = f"{self._host} port {peername[1]}"

    def get_buffer(self, sizehint: int) -> memoryview:
        buffer = self._reader.buffer()
        self._node.reading.hold(self, self._reader.held_bytes)
        return buffer

    def is_idle_since(self, time: float) -> bool:
        """Nothing came or went since a time of the loop's clock, and no answer is awaited: not used, or not read."""
        return self._used <= time and not self._replies

    def buffer_updated(self, nbytes: int) -> None:
        self._used = asyncio.get_running_loop().time()
        self._reader.received(nbytes)
        self._serve()
        self._reader.keep()
        self._node.reading.hold(self, self._reader.held_bytes)

    def _serve(self) -> None:
        """Handle requests that are here, as long as there is room for their answers, and for a slice of time."""
        if self._is_in_line:
            return
        end = time.perf_counter() + SLICE_SECONDS
        is_over = False
        while not is_over and (frame := self._next()) is not None:
            self._frame = None
            self._handle(frame)
            is_over = time.perf_counter() > end
            if is_over or self._next() is None:
                self._send_ready()
        if self.closed:
            return
        if is_over and self._next() is not None:
            self._is_in_line = True
            self._node.turns.stand_in_line(self._turn)
        if self._has_room and self._frame is None and not (self._is_in_line or self._is_draining):
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()
            self._close_when_drained()

    def _turn(self) -> None:
        self._is_in_line = False
        if not self.closed:
            self._serve()

    def _next(self) -> Frame | None:
        """The frame that may be handled now."""
        if self.closed or self._is_draining:
            return None
        if self._frame is None:
            try:
                self._frame = self._reader.next()
            except ProtocolError as error:
                self._refuse(error)
        return self._frame if self._frame is not None and self._may_handle(self._frame) else None

    def _may_handle(self, frame: Frame) -> bool:
        return self._has_room and not (self._replies and self._dispatcher.has_large_answer(frame))

    @property
    def _has_room(self) -> bool:
        return (
            not (self._is_write_paused or self._is_starting or self._holds)
            and len(self._replies) < MAX_OPEN_REQUESTS
            and self._ready_bytes < READY_BYTES
        )

    def when_lost(self, key: Hashable, call: Callable[[], None]) -> None:
        self._when_lost[key] = call

    def hold(self) -> None:
        self._holds += 1

    def go_on(self) -> None:
        self._holds -= 1
        if not self._holds:
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
            self._ready_bytes += reply.complete(answer)

    def _started(self) -> None:
        self._is_starting = False
        self._serve()

    def _answered(self, reply: _Reply, parked: Parked, response: asyncio.Future[object]) -> None:
        if response.cancelled():
            return
        try:
            self._ready_bytes += reply.complete(parked.encode(response.result()))
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
        if buffers and not self.closed:
            self._ready_bytes -= sum(map(len, buffers))
            self._used = asyncio.get_running_loop().time()
            self.transport.writelines(buffers)
            if self._is_write_paused:
                self._node.unsent.hold(self, self.transport.get_write_buffer_size())

    def pause_writing(self) -> None:
        self._is_write_paused = True

    def resume_writing(self) -> None:
        self._used = asyncio.get_running_loop().time()
        self._is_write_paused = False
        self._node.unsent.hold(self, 0)
        self._serve()

    def drain(self) -> None:
        """Handle nothing new; close when the requests that are open have their answers."""
        self._is_draining = True
        self._forget_requests()
        if self._transport is None:
            self.closed = True  # it is closed when it is there
        elif not self.closed:
            self._transport.pause_reading()
            self._close_when_drained()

    def _close_when_drained(self) -> None:
        if self._is_draining and not self._replies:
            self.transport.close()

    def _refuse(self, error: ProtocolError) -> None:
        level = logging.DEBUG if isinstance(error, MalformedError) else logging.WARNING
        logger.log(level, "closing the connection of %s: %s", self._peer, error)
        self._abort()

    def _abort(self) -> None:
        """Close after what is already written; answers still open are dropped."""
        self._node.partitions.metrics.connections.refused.inc()
        self._is_over()
        self.transport.close()

    def end(self, reason: str) -> None:
        """Close now; nothing more is sent."""
        logger.warning("closing the connection of %s: %s", self._peer, reason)
        self.abort()

    def abort(self) -> None:
        self._is_over()
        if self._transport is not None:
            self._transport.abort()

    def _is_over(self) -> None:
        self.closed = True
        self._forget_requests()
        self._replies.clear()

    def _forget_requests(self) -> None:
        self._frame = None
        self._reader.clear()
        self._node.reading.hold(self, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._forget_requests()
        self._node.unsent.hold(self, 0)
        for call in self._when_lost.values():
            call()
        self._on_lost(self)

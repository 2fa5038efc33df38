"""From a frame to its handler and back. The only place that knows both the registry and the node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from logpost_broker.api import handled
from logpost_broker.api.api_versions import API_VERSIONS_KEY, unsupported_version
from logpost_broker.api.registry import Api, ConnectionState, RequestContext
from logpost_broker.api.unserved import unserved_api
from logpost_broker.errors import ProtocolError
from logpost_broker.log.batch import Buffer
from logpost_broker.node import Node
from logpost_broker.wire.codec import VersionCodec, has_more_elements
from logpost_broker.wire.convert import TopicNames
from logpost_broker.wire.framing import Frame
from logpost_broker.wire.header import read_api, read_request_header

Buffers = list[Buffer]
Encode = Callable[..., Buffers | None]
"""Of an answer; `is_long`: it has many elements."""

PRODUCE_KEY = 0
"""Its large requests are mostly few elements with many bytes."""
FRAME_AT_ONCE = 16 * 1024
"""A request of this many bytes is read on the event loop, in 35 ms where each is an element."""

ELEMENTS_AT_ONCE = 1_000
"""An answer of so many elements is written on the event loop, in 5 ms, and a request of so many read there."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An answer that is still to come."""

    response: asyncio.Future[Any]
    encode: Encode
    starts_next_turn: bool
    """The handler is a coroutine whose first step the loop has yet to take: what follows on the connection waits for
    that, so that requests take effect in their order."""


def _as_it_is(buffers: Buffers | None) -> Buffers | None:
    return buffers


def _encode(
    codec: VersionCodec[Api], correlation_id: int, names: TopicNames, response: Any, *, is_long: bool = False
) -> Buffers | None:
    if response is None:
        return None
    write = codec.write_long if is_long else codec.write
    return write(correlation_id, response, names)


class Dispatcher:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._codecs: dict[tuple[int, int], VersionCodec[Api]] = {}
        # One thread: more of them would only keep the event loop longer from Python's lock.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="codec")

    @staticmethod
    def has_large_answer(frame: Frame) -> bool:
        """Whether the request has to wait until the answers before its own have left."""
        api = handled(int.from_bytes(frame[:2], "big"))
        return api is not None and api.large_answers

    def dispatch(self, frame: Frame, client_host: str, connection: ConnectionState) -> Buffers | Parked | None:
        """The answer to a request, None when it gets none, or where it will come from. Raises ProtocolError, and
        whatever a handler with a bug raises."""
        key, version = read_api(frame)
        codec = self._codecs.get((key, version)) or self._load(key, version)
        header, position = read_request_header(frame, flexible=codec.flexible_request_header)
        names = TopicNames(self._node.partitions.topics)
        if codec.version != version:
            return codec.write(header.correlation_id, unsupported_version(), names)
        self._node.partitions.metrics.connections.requests(codec.api.name).inc()
        context = RequestContext(
            version=version, client_id=header.client_id, client_host=client_host, connection=connection
        )
        encode = partial(_encode, codec, header.correlation_id, names)
        if len(frame) > FRAME_AT_ONCE and (
            key != PRODUCE_KEY or codec.has_more_elements(frame, position, ELEMENTS_AT_ONCE)
        ):
            work = self._read_in_thread(codec, partial(codec.read, frame, position, names), context, encode)
            return Parked(asyncio.ensure_future(work), _as_it_is, starts_next_turn=True)
        response = codec.api.handler(self._node, codec.read(frame, position, names), context)
        if asyncio.isfuture(response):
            return Parked(response, encode, starts_next_turn=False)
        if isinstance(response, Awaitable):
            encoded = asyncio.ensure_future(self._encoded(response, encode))
            return Parked(encoded, _as_it_is, starts_next_turn=True)
        if has_more_elements(response, ELEMENTS_AT_ONCE):
            return Parked(asyncio.ensure_future(self._written(response, encode)), _as_it_is, starts_next_turn=False)
        return encode(response)

    async def _read_in_thread(
        self, codec: VersionCodec[Api], read: Callable[[], Any], context: RequestContext, encode: Encode
    ) -> Buffers | None:
        """Of 100,000 elements reading takes 0.2 s. What follows on the connection waits until the handler has begun."""
        context.connection.hold()
        try:
            request = await asyncio.get_running_loop().run_in_executor(self._threads, read)
            response = codec.api.handler(self._node, request, context)
            if isinstance(response, Awaitable):
                response = asyncio.ensure_future(response)
                await asyncio.sleep(0)
        finally:
            context.connection.go_on()
        return await self._written(await response if isinstance(response, Awaitable) else response, encode)

    async def _encoded(self, response: Awaitable[Any], encode: Encode) -> Buffers | None:
        return await self._written(await response, encode)

    async def _written(self, answer: Any, encode: Encode) -> Buffers | None:
        """One of many thousand elements takes up to seconds: a thread writes it, and others are served meanwhile."""
        if not has_more_elements(answer, ELEMENTS_AT_ONCE):
            return encode(answer)
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(encode, answer, is_long=True))

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    def _load(self, key: int, version: int) -> VersionCodec[Api]:
        """The codec for a version. An ApiVersions request of a version that is not known is read no further than its
        header and answered in version 0, which every client understands (KIP-511). Raises ProtocolError for any other
        that cannot be answered in its own shape."""
        api = handled(key) or unserved_api(key, version)
        if api is None:
            raise ProtocolError(f"a request of API {key}, which this broker has not")
        if not api.min_version <= version <= api.max_version:
            if key != API_VERSIONS_KEY:
                raise ProtocolError(f"a {api.name} request of version {version}, which this broker has not")
            return VersionCodec(api, 0)
        codec = self._codecs[key, version] = VersionCodec(api, version)
        return codec

"""One version of one API: bytes to the newest request, the newest response to bytes. Loaded when a client first uses
the version, because importing all of kio takes a second."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError

from logpost_broker.errors import MalformedError
from logpost_broker.log.batch import Buffer
from logpost_broker.wire.bounds import RequestBounds
from logpost_broker.wire.convert import Adapted, TopicNames, compile_conversion
from logpost_broker.wire.framing import Frame
from logpost_broker.wire.header import response_header

LARGE_BYTES = 16 * 1024
"""A value from this size on is sent from where it is, not copied."""
JOINED_BYTES = 256 * 1024
"""Small parts of a long answer are sent in buffers of about this size."""
SIZE = struct.Struct(">i")


class _Parts:
    """What kio's writers write into: a list of byte strings."""

    __slots__ = ("parts", "write")

    def __init__(self) -> None:
        self.parts: list[Buffer] = []
        self.write = self.parts.append


class _JoinedParts:
    """The same for long answers: small parts are joined as they come. A million of them would take ten times their
    bytes, and joining them at the end kept Python's lock from all others meanwhile."""

    __slots__ = ("_small", "parts")

    def __init__(self) -> None:
        self.parts: list[Buffer] = []
        self._small = bytearray()

    def write(self, part: Buffer) -> None:
        if len(part) < LARGE_BYTES:
            self._small += part
            if len(self._small) >= JOINED_BYTES:
                self.end()
        else:
            self.end()
            self.parts.append(part)

    def end(self) -> None:
        if self._small:
            self.parts.append(bytes(self._small))
            self._small = bytearray()


class Messages(Protocol):
    """The newest request and response of an API, and how they differ from older ones."""

    @property
    def name(self) -> str: ...

    @property
    def request(self) -> type[Any]: ...

    @property
    def response(self) -> type[Any]: ...

    @property
    def lift(self) -> Sequence[Adapted]: ...

    @property
    def lower(self) -> Sequence[Adapted]: ...


M = TypeVar("M", bound=Messages)


class VersionCodec(Generic[M]):
    def __init__(self, api: M, version: int) -> None:
        """`version` is one that the API has. Imports kio's module for it."""
        self.api = api
        self.version = version
        request, response = (
            getattr(importlib.import_module(f"kio.schema.{api.name}.v{version}.{kind}"), newest.__name__)
            for kind, newest in (("request", api.request), ("response", api.response))
        )
        self.flexible_request_header = bool(request.__header_schema__.__flexible__)
        self._flexible_response_header = bool(response.__header_schema__.__flexible__)
        self._bounds = RequestBounds(request)
        self._read = entity_reader(request)
        self._write: Any = entity_writer(response)
        self._lift = compile_conversion(request, api.request, api.lift, version)
        self._lower = compile_conversion(api.response, response, api.lower, version)

    def has_more_elements(self, frame: Frame, position: int, limit: int) -> bool:
        """Whether the request may have more than `limit` elements in its arrays; it is read no further than that."""
        return self._bounds.has_more_elements(frame, position, limit)

    def read(self, frame: Frame, position: int, names: TopicNames) -> Any:
        """The newest request that stands for the one at `position`. Raises MalformedError."""
        try:
            request, _ = self._read(*self._bounds.checked(frame, position))
        except (SerialError, LookupError, ValueError, OverflowError, struct.error) as error:
            raise MalformedError(f"a malformed {self.api.name} v{self.version} request: {error}") from error
        return request if self._lift is None else self._lift(request, names)

    def write(self, correlation_id: int, response: Any, names: TopicNames) -> list[Buffer]:
        """The whole frame of an answer, as buffers to send one after the other."""
        out = _Parts()
        self._write_to(out, correlation_id, response, names)
        size = sum(map(len, out.parts))
        out.parts.insert(0, SIZE.pack(size))
        return [b"".join(out.parts)] if size < LARGE_BYTES else _joined(out.parts)

    def write_long(self, correlation_id: int, response: Any, names: TopicNames) -> list[Buffer]:
        """The same, of an answer with many elements."""
        out = _JoinedParts()
        self._write_to(out, correlation_id, response, names)
        out.end()
        return [SIZE.pack(sum(map(len, out.parts))), *out.parts]

    def _write_to(self, out: _Parts | _JoinedParts, correlation_id: int, response: Any, names: TopicNames) -> None:
        if self._lower is not None:
            response = self._lower(response, names)
        out.write(response_header(correlation_id, flexible=self._flexible_response_header))
        self._write(out, response)


def has_more_elements(response: Any, limit: int) -> bool:
    """Whether an answer has more than `limit` elements in its arrays, and in those of their elements."""
    count = 0
    entities = [response]
    while entities:
        entity = entities.pop()
        for name in getattr(entity, "__dataclass_fields__", ()):
            value = getattr(entity, name)
            if isinstance(value, tuple):
                count += len(value)
                if count > limit:
                    return True
                entities += value
    return False


def _joined(parts: list[Buffer]) -> list[Buffer]:
    """Small parts joined, large ones as they are."""
    joined: list[Buffer] = []
    small: list[Buffer] = []
    for part in parts:
        if len(part) < LARGE_BYTES:
            small.append(part)
            continue
        joined += (b"".join(small), part)
        small = []
    return [*joined, b"".join(small)] if small else joined

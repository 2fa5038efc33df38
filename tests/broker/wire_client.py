"""A Kafka client that speaks any version of any API, for tests that no real client would make."""

from __future__ import annotations

import dataclasses
import importlib
import io
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, get_args, get_origin

from kio.schema.index import schema_name_map
from kio.serial import entity_reader, entity_writer

from logpost_broker.wire.units import NO_THROTTLE

SECONDS = 90.0


def versions(api: str) -> list[int]:
    """The versions kio has of an API, by its folder name."""
    return sorted(schema_name_map[api])


def load(api: str, version: int, kind: str) -> type[Any]:
    """kio's class of a request or response."""
    module = importlib.import_module(f"kio.schema.{api}.v{version}.{kind}")
    name = api.title().replace("_", "") + kind.title()
    found: type[Any] = getattr(module, name)
    return found


def entity(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A kio entity with these values; names its version has not are left out, what is not given is zero or empty."""
    filled = {}
    for field in dataclasses.fields(kind):
        inner = _entity_in(field.type)
        value = values.get(field.name, dataclasses.MISSING)
        if value is dataclasses.MISSING:
            if field.default is dataclasses.MISSING:
                filled[field.name] = _zero(field)
        elif inner is not None and isinstance(value, list):
            filled[field.name] = tuple(entity(inner, item) for item in value)
        else:
            filled[field.name] = value
    return kind(**filled)


def _entity_in(annotation: Any) -> type[Any] | None:
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return annotation
    return next((found for part in get_args(annotation) if (found := _entity_in(part))), None)


def _zero(field: Any) -> Any:
    if get_origin(field.type) is tuple:
        return ()
    if type(None) in get_args(field.type):
        return None
    inner = _entity_in(field.type)
    if inner is not None:
        return entity(inner, {})
    kafka_type = field.metadata["kafka_type"]
    if kafka_type.startswith("timedelta"):
        return NO_THROTTLE
    return {"string": "", "bool": False, "bytes": b""}.get(kafka_type, 0)


class WireClient:
    """One connection. Requests are sent as asked, answers read in the order they come."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._correlation_id = 0
        self._open: list[type[Any]] = []

    def send(self, api: str, version: int, values: Mapping[str, Any], *, answered: bool = True) -> None:
        request = load(api, version, "request")
        self._correlation_id += 1
        header = entity(
            request.__header_schema__,
            {
                "request_api_key": request.__api_key__,
                "request_api_version": request.__version__,
                "correlation_id": self._correlation_id,
                "client_id": "wire-client",
            },
        )
        out = io.BytesIO()
        entity_writer(request.__header_schema__)(out, header)
        entity_writer(request)(out, entity(request, values))
        self.send_frame(out.getvalue())
        if answered:
            self._open.append(load(api, version, "response"))

    def send_frame(self, frame: bytes) -> None:
        self.socket.sendall(len(frame).to_bytes(4, "big") + frame)

    def receive(self) -> Any:
        """The answer to the oldest request that has none."""
        response = self._open.pop(0)
        frame = self.receive_frame()
        expected = self._correlation_id - len(self._open)
        header, size = entity_reader(response.__header_schema__)(frame, 0)
        assert header.correlation_id == expected, "answers out of order"
        answer, body = entity_reader(response)(frame, size)
        assert size + body == len(frame), "bytes after the answer"
        return answer

    def receive_frame(self) -> bytes:
        size = int.from_bytes(self._receive(4), "big")
        return self._receive(size)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError("the broker closed the connection")
            data += part
        return data

    def call(self, api: str, version: int, values: Mapping[str, Any]) -> Any:
        self.send(api, version, values)
        return self.receive()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> WireClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

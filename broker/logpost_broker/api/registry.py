"""How an API gets its handler. `logpost_broker.api` has the table of all APIs.

A handler is registered by the newest pair of kio entities of its API:

    @handles(HeartbeatRequest, HeartbeatResponse)
    def heartbeat(node: Node, request: HeartbeatRequest, context: RequestContext) -> HeartbeatResponse: ...

It sees only that newest request and builds only that newest response; `wire/convert.py` lifts a request of any older
version to it and lowers the answer again. Every version that kio has is served. Where old and new differ by more than
fields added with a default, the registration declares it with `Adapted` (see there). Where newest names a topic by id
and an older version by name, nothing is declared: the conversion asks the topic registry, and an id that it does not
know stands for a name that it does not know.

How a handler answers:
- return the response: it is sent at once;
- return an awaitable of the response (be an `async def`, or return a Future): the request is parked, the loop goes on,
  later requests of the same connection are handled meanwhile, and all answers leave in the order of the requests. A
  parked handler is never cancelled when its client goes away; `context.connection.closed` tells;
- return None (`acks=0`): nothing is sent;
- raise ProtocolError: the connection is closed. Anything else it raises is a bug: logged, connection closed. So an
  ApiError is the handler's own to catch and to put where its API has an error code.

An API whose answers are large (`large_answers`) is handled only when all answers before its own have left, so that a
client that reads slowly, however many requests it sends ahead, holds the bytes of one such answer and no more.

Requests of one connection take effect in their order: everything up to the first `await` of a handler is done before
the next request is looked at, and where that is not all, a handler asks for more with `context.in_order()`. A plain
function that returns a Future is the fast way, an `async def` costs a task.

A file of `logpost_broker.api` registers its handlers by being imported, when a client first uses one of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kio.schema.index import schema_name_map

from logpost_broker.turns import Holdable
from logpost_broker.wire.convert import Adapted

if TYPE_CHECKING:
    from kio.static.protocol import Entity

    from logpost_broker.node import Node


class ConnectionState(Holdable, Protocol):
    """What a handler may ask about the connection that its request came by."""

    def when_lost(self, key: Hashable, call: Callable[[], None]) -> None:
        """Call this when the client is gone; a later one of the same key takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Who asks, and how."""

    version: int
    """The API version the client speaks, for the few places where behaviour differs."""
    client_id: str | None
    client_host: str
    """The peer's address, without port."""
    connection: ConnectionState

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """What follows on the connection waits: for what takes effect after the first `await` of a handler."""
        self.connection.hold()
        try:
            yield
        finally:
            self.connection.go_on()


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One registered API."""

    key: int
    name: str
    """kio's folder name, such as `list_offsets`."""
    min_version: int
    max_version: int
    request: type[Any]
    response: type[Any]
    handler: Callable[[Any, Any, RequestContext], Any]
    lift: Sequence[Adapted] = field(default=())
    lower: Sequence[Adapted] = field(default=())
    large_answers: bool = False


REGISTERED: dict[int, Api] = {}
"""API key → registration, of the files that are imported by now."""

Q = TypeVar("Q", bound="Entity")
R = TypeVar("R", bound="Entity")
Handler = Callable[["Node", Q, RequestContext], "R | Awaitable[R | None] | None"]


def handles(
    request: type[Q],
    response: type[R],
    *,
    lift: Sequence[Adapted] = (),
    lower: Sequence[Adapted] = (),
    large_answers: bool = False,
) -> Callable[[Handler[Q, R]], Handler[Q, R]]:
    """Register a handler; see the module. A second registration of an API is an error."""

    def register(handler: Handler[Q, R]) -> Handler[Q, R]:
        key = int(request.__api_key__)  # type: ignore[attr-defined]  # kio's Entity protocol leaves it out
        name = request.__module__.split(".")[-3]
        versions = sorted(schema_name_map[name])
        assert key not in REGISTERED, f"{name} has two handlers"
        assert (request.__version__, response.__version__) == (versions[-1], versions[-1]), f"{name}: not the newest"
        REGISTERED[key] = Api(
            key=key,
            name=name,
            min_version=versions[0],
            max_version=versions[-1],
            request=request,
            response=response,
            handler=handler,
            lift=tuple(lift),
            lower=tuple(lower),
            large_answers=large_answers,
        )
        return handler

    return register

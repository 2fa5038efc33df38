"""APIs that this broker has not, but whose messages kio knows: answered UNSUPPORTED_VERSION in their own shape.

Apache Kafka closes the connection instead. An answer tells a client which of its requests went wrong, and the others it
has open on the connection go on. Where nobody knows the shape there is nothing else than to close: for a key of no API,
for a version that nobody has described, and for the few answers that have no error code of their own.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map

from logpost_broker.api.registry import Api, RequestContext
from logpost_broker.wire.convert import blank

if TYPE_CHECKING:
    from logpost_broker.node import Node


def unserved_api(key: int, version: int) -> Api | None:
    """What refuses a request of this version; None where no answer could say so. Imports kio's modules for it."""
    name = api_key_map.get(key)
    if name is None or version not in schema_name_map[name]:
        return None
    request, response = (_entity(name, version, kind) for kind in ("request", "response"))
    if not any(field.name == "error_code" for field in dataclasses.fields(response)):
        return None

    def refuse(node: Node, request: Any, context: RequestContext) -> Any:
        return blank(response, error_code=ErrorCode.unsupported_version)

    return Api(
        key=key,
        name=name,
        min_version=version,
        max_version=version,
        request=request,
        response=response,
        handler=refuse,
    )


def _entity(name: str, version: int, kind: str) -> type[Any]:
    module = importlib.import_module(f"kio.schema.{name}.v{version}.{kind}")
    entity: type[Any] = getattr(module, "".join(word.title() for word in (*name.split("_"), kind)))
    return entity

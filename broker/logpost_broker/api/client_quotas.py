"""DescribeClientQuotas (48) and AlterClientQuotas (49), versions 0 and 1 each (KIP-546): kept, not enforced.

- v1: flexible

Of two names of one type in an entity the last counts, as in Apache Kafka.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from kio.schema.alter_client_quotas.v1.request import AlterClientQuotasRequest
from kio.schema.alter_client_quotas.v1.request import EntryData as Change
from kio.schema.alter_client_quotas.v1.response import AlterClientQuotasResponse
from kio.schema.alter_client_quotas.v1.response import EntityData as ChangedEntity
from kio.schema.alter_client_quotas.v1.response import EntryData as Changed
from kio.schema.describe_client_quotas.v1.request import ComponentData, DescribeClientQuotasRequest
from kio.schema.describe_client_quotas.v1.response import (
    DescribeClientQuotasResponse,
    EntityData,
    EntryData,
    ValueData,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import f64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.metadata.client_quotas import CLIENT_ID, IP, USER, Entity, Key, QuotaChanges, alter, check, key_of
from logpost_broker.metadata.metadata_file import QuotaEntry
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

logger = logging.getLogger("broker")

EXACT, DEFAULT, SPECIFIED = range(3)
"""How a filter matches: one name, the default, any of both."""


@handles(DescribeClientQuotasRequest, DescribeClientQuotasResponse)
async def describe_client_quotas(
    node: Node, request: DescribeClientQuotasRequest, context: RequestContext
) -> DescribeClientQuotasResponse:
    try:
        _check_filter(request.components)
    except ApiError as error:
        return DescribeClientQuotasResponse(
            throttle_time=NO_THROTTLE, error_code=error.code, error_message=error.message, entries=None
        )
    found = [entry async for entry in node.turns.each([*node.client_quotas]) if _matches(entry.entity, request)]
    return DescribeClientQuotasResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        error_message=None,
        entries=await node.turns.map(_described, found),
    )


def _check_filter(components: Sequence[ComponentData]) -> None:
    """Raises ApiError: INVALID_REQUEST, UNSUPPORTED_VERSION."""
    kinds = [component.entity_type for component in components]
    for component in components:
        if not component.entity_type:
            raise ApiError(ErrorCode.invalid_request, "the type of an entity is empty")
        if component.entity_type not in (USER, CLIENT_ID, IP):
            raise ApiError(ErrorCode.unsupported_version, f"there are no quotas of a {component.entity_type}")
        if not EXACT <= component.match_type <= SPECIFIED:
            raise ApiError(ErrorCode.invalid_request, f"there is no match of type {component.match_type}")
        if (component.match is None) == (component.match_type == EXACT):
            raise ApiError(ErrorCode.invalid_request, "an exact match needs a name, any other must not have one")
    if len(set(kinds)) < len(kinds):
        raise ApiError(ErrorCode.invalid_request, "a type of entity is given more than once")
    if IP in kinds and len(kinds) > 1:
        raise ApiError(ErrorCode.invalid_request, "an address is no user or client")


def _matches(entity: Entity, request: DescribeClientQuotasRequest) -> bool:
    if request.strict and len(entity) != len(request.components):
        return False
    return all(
        component.entity_type in entity
        and (component.match_type == SPECIFIED or entity[component.entity_type] == component.match)
        for component in request.components
    )


def _described(entry: QuotaEntry) -> EntryData:
    return EntryData(
        # Kafka's order: the client before the user.
        entity=tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in sorted(entry.entity.items())),
        values=tuple(ValueData(key=name, value=f64(value)) for name, value in entry.limits.items()),
    )


@handles(AlterClientQuotasRequest, AlterClientQuotasResponse)
async def alter_client_quotas(
    node: Node, request: AlterClientQuotasRequest, context: RequestContext
) -> AlterClientQuotasResponse:
    """All that can be is saved with one write."""
    entities = [{part.entity_type: part.entity_name for part in entry.entity} for entry in request.entries]
    asked = Counter(map(key_of, entities))
    outcomes: dict[Key, ApiError | None] = {}
    with context.in_order():
        async with node.partitions.changing:
            quotas = node.client_quotas.changes()
            async for entity, entry in node.turns.each(zip(entities, request.entries, strict=True)):
                key = key_of(entity)
                if key not in outcomes:
                    into = None if request.validate_only else quotas
                    outcomes[key] = _refusal(entity, entry, into, is_once=asked[key] == 1)
            error = await node.partitions.saved(quotas.save) if quotas.is_any else None
    async for key in node.turns.each(quotas.keys if error is None else ()):
        logger.warning("quotas of %s are changed: they are kept, but limit nobody", dict(key))
    entries = [await _answer(node, key, outcome or error) async for key, outcome in node.turns.each(outcomes.items())]
    return AlterClientQuotasResponse(throttle_time=NO_THROTTLE, entries=tuple(entries))


def _refusal(entity: Entity, entry: Change, quotas: QuotaChanges | None, *, is_once: bool) -> ApiError | None:
    """Why an entity cannot have its limits; they are put into `quotas`, if given."""
    limits = {change.key: None if change.remove else float(change.value) for change in entry.ops}
    try:
        if not is_once or len(limits) < len(entry.ops):
            raise ApiError(ErrorCode.invalid_request, "an entity or a quota is given more than once")
        check(entity, limits)
        if quotas is not None:
            alter(quotas, entity, limits)
    except ApiError as error:
        return without_traces(error)
    return None


async def _answer(node: Node, key: Key, error: ApiError | None) -> Changed:
    entity = sorted(dict(key).items())
    return Changed(
        error_code=ErrorCode.none if error is None else error.code,
        error_message=None if error is None else error.message,
        entity=tuple(
            [ChangedEntity(entity_type=kind, entity_name=name) async for kind, name in node.turns.each(entity)]
        ),
    )

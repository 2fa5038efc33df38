"""AlterConfigs (33), versions 0 to 2, and IncrementalAlterConfigs (44), 0 and 1: the configuration of topics, groups,
client metrics, and what may be changed of a running broker.

The older one replaces all that a resource has set; the other sets, deletes, appends to and subtracts from single
settings (KIP-339), and alone alters the levels of loggers (KIP-412). What changes holds at once. Each hundred resources
are a write to the disk, and others are served meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from kio.schema.alter_configs.v2.request import AlterableConfig as ReplacedConfig
from kio.schema.alter_configs.v2.request import AlterConfigsRequest, AlterConfigsResource
from kio.schema.alter_configs.v2.response import AlterConfigsResourceResponse, AlterConfigsResponse
from kio.schema.errors import ErrorCode
from kio.schema.incremental_alter_configs.v1.request import AlterableConfig, IncrementalAlterConfigsRequest
from kio.schema.incremental_alter_configs.v1.request import AlterConfigsResource as IncrementalResource
from kio.schema.incremental_alter_configs.v1.response import (
    AlterConfigsResourceResponse as IncrementalResourceResponse,
)
from kio.schema.incremental_alter_configs.v1.response import IncrementalAlterConfigsResponse
from kio.static.primitive import i8

from logpost_broker.api.config_resources import ConfigChanges, ConfigResource, LoggerResource, find_resource
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.metadata.config_definition import LIST
from logpost_broker.node import Node
from logpost_broker.partitions.partitions import CHANGES_A_WRITE
from logpost_broker.steps import in_parts
from logpost_broker.wire.units import NO_THROTTLE

SET, DELETE, APPEND, SUBTRACT = range(4)
"""Operations of an incremental change."""


class Setting(Protocol):
    @property
    def name(self) -> str: ...


class Resource(Protocol):
    @property
    def resource_type(self) -> i8: ...

    @property
    def resource_name(self) -> str: ...

    @property
    def configs(self) -> Sequence[Setting]: ...


R = TypeVar("R", bound=Resource)


@handles(AlterConfigsRequest, AlterConfigsResponse)
async def alter_configs(node: Node, request: AlterConfigsRequest, context: RequestContext) -> AlterConfigsResponse:
    def wanted(found: ConfigResource, resource: AlterConfigsResource) -> dict[str, str | None]:
        return _replaced(found, resource.configs)

    with context.in_order():
        errors = await _altered(node, request.resources, wanted, validate_only=request.validate_only)
    answers = [
        AlterConfigsResourceResponse(
            error_code=ErrorCode.none if error is None else error.code,
            error_message=None if error is None else error.message,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
        )
        async for resource, error in node.turns.each(zip(request.resources, errors, strict=True))
    ]
    return AlterConfigsResponse(throttle_time=NO_THROTTLE, responses=tuple(answers))


@handles(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse)
async def incremental_alter_configs(
    node: Node, request: IncrementalAlterConfigsRequest, context: RequestContext
) -> IncrementalAlterConfigsResponse:
    def wanted(found: ConfigResource, resource: IncrementalResource) -> dict[str, str | None]:
        return _changed(found, resource.configs)

    with context.in_order():
        errors = await _altered(node, request.resources, wanted, validate_only=request.validate_only)
    answers = [
        IncrementalResourceResponse(
            error_code=ErrorCode.none if error is None else error.code,
            error_message=None if error is None else error.message,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
        )
        async for resource, error in node.turns.each(zip(request.resources, errors, strict=True))
    ]
    return IncrementalAlterConfigsResponse(throttle_time=NO_THROTTLE, responses=tuple(answers))


async def _altered(
    node: Node,
    resources: Sequence[R],
    wanted: Callable[[ConfigResource, R], dict[str, str | None]],
    *,
    validate_only: bool,
) -> list[ApiError | None]:
    """Give each resource the configuration that `wanted` makes of its present one; returns why some cannot have it."""
    counts = Counter((int(resource.resource_type), resource.resource_name) for resource in resources)
    errors: list[ApiError | None] = []
    for some in in_parts(resources, CHANGES_A_WRITE):
        async with node.partitions.changing:
            changes = ConfigChanges(node)
            decided = [
                _decided(node, resource, counts, wanted, None if validate_only else changes)
                async for resource in node.turns.each(some)
            ]
            error_of = await changes.save()
            async for one in node.turns.each(decided):
                error = one if isinstance(one, ApiError) else error_of(one)
                if not isinstance(one, ApiError) and error is None and not validate_only:
                    one.take_effect()
                errors.append(error)
    return errors


def _decided(
    node: Node,
    resource: R,
    counts: Counter[tuple[int, str]],
    wanted: Callable[[ConfigResource, R], dict[str, str | None]],
    changes: ConfigChanges | None,
) -> ConfigResource | ApiError:
    """`counts`: how often each resource is asked for."""
    is_once = counts[resource.resource_type, resource.resource_name] == 1
    try:
        if not is_once or len({config.name for config in resource.configs}) < len(resource.configs):
            raise ApiError(ErrorCode.invalid_request, "a resource or a setting is given more than once")
        found = find_resource(node, resource.resource_type, resource.resource_name)
        overrides = found.check(wanted(found, resource))
        if changes is not None:
            found.replace(overrides, changes)
    except ApiError as error:
        return without_traces(error)
    return found


def _replaced(resource: ConfigResource, changes: Sequence[ReplacedConfig]) -> dict[str, str | None]:
    if isinstance(resource, LoggerResource):
        raise ApiError(ErrorCode.invalid_request, "levels of loggers are set one by one")
    for change in changes:
        if change.value is None:
            raise ApiError(ErrorCode.invalid_request, f"{change.name} needs a value")
    return {change.name: change.value for change in changes}


def _changed(resource: ConfigResource, changes: Sequence[AlterableConfig]) -> dict[str, str | None]:
    """Raises ApiError INVALID_CONFIG, INVALID_REQUEST."""
    wanted: dict[str, str | None] = dict(resource.overrides)
    for change in changes:
        if not SET <= change.config_operation <= SUBTRACT:
            raise ApiError(ErrorCode.invalid_request, f"there is no operation {change.config_operation}")
        if change.config_operation == DELETE:
            wanted.pop(change.name, None)
        elif change.value is None:
            raise ApiError(ErrorCode.invalid_request, f"{change.name} needs a value")
        elif change.config_operation == SET:
            wanted[change.name] = change.value
        elif isinstance(resource, LoggerResource):
            raise ApiError(ErrorCode.invalid_request, "a level is set or deleted: it is no list")
        else:
            wanted[change.name] = _list_changed(resource, change, wanted.get(change.name))
    return wanted


def _list_changed(resource: ConfigResource, change: AlterableConfig, before: str | None) -> str:
    config = resource.definitions.get(change.name)
    if config is None or config.type != LIST:
        raise ApiError(
            ErrorCode.invalid_config, f"{change.name} is no list, which could be appended to or subtracted from"
        )
    items = [item for item in (config.default if before is None else before).split(",") if item]
    given = [item.strip() for item in (change.value or "").split(",")]
    if change.config_operation == APPEND:
        return ",".join([*items, *(item for item in given if item not in items)])
    return ",".join(item for item in items if item not in given)

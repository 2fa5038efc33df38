"""AlterConfigs (33), versions 0 to 2, and IncrementalAlterConfigs (44), 0 and 1: the configuration of topics, groups,
client metrics, and what may be changed of a running broker.

The older one replaces all that a resource has set; the other sets, deletes, appends to and subtracts from single
settings (KIP-339), and alone alters the levels of loggers (KIP-412). What changes holds at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from kio.schema.alter_configs.v2.request import AlterableConfig as ReplacedConfig
from kio.schema.alter_configs.v2.request import AlterConfigsRequest
from kio.schema.alter_configs.v2.response import AlterConfigsResourceResponse, AlterConfigsResponse
from kio.schema.errors import ErrorCode
from kio.schema.incremental_alter_configs.v1.request import AlterableConfig, IncrementalAlterConfigsRequest
from kio.schema.incremental_alter_configs.v1.response import (
    AlterConfigsResourceResponse as IncrementalResourceResponse,
)
from kio.schema.incremental_alter_configs.v1.response import IncrementalAlterConfigsResponse
from kio.static.primitive import i8

from logpost_broker.api.config_resources import ConfigResource, LoggerResource, find_resource
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.config_definition import LIST
from logpost_broker.node import Node
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


@handles(AlterConfigsRequest, AlterConfigsResponse)
async def alter_configs(node: Node, request: AlterConfigsRequest, context: RequestContext) -> AlterConfigsResponse:
    answers = []
    counts = _counted(request.resources)
    async for resource in node.turns.each(request.resources):
        asked = counts[resource.resource_type, resource.resource_name]
        wanted = partial(_replaced, changes=resource.configs)
        code, message = _altered(node, resource, asked, wanted, validate_only=request.validate_only)
        answers.append(
            AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return AlterConfigsResponse(throttle_time=NO_THROTTLE, responses=tuple(answers))


@handles(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse)
async def incremental_alter_configs(
    node: Node, request: IncrementalAlterConfigsRequest, context: RequestContext
) -> IncrementalAlterConfigsResponse:
    answers = []
    counts = _counted(request.resources)
    async for resource in node.turns.each(request.resources):
        asked = counts[resource.resource_type, resource.resource_name]
        wanted = partial(_changed, changes=resource.configs)
        code, message = _altered(node, resource, asked, wanted, validate_only=request.validate_only)
        answers.append(
            IncrementalResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return IncrementalAlterConfigsResponse(throttle_time=NO_THROTTLE, responses=tuple(answers))


def _counted(resources: Sequence[Resource]) -> Counter[tuple[int, str]]:
    """How often each resource is asked for."""
    return Counter((resource.resource_type, resource.resource_name) for resource in resources)


def _altered(
    node: Node,
    resource: Resource,
    asked: int,
    wanted: Callable[[ConfigResource], dict[str, str | None]],
    *,
    validate_only: bool,
) -> tuple[ErrorCode, str | None]:
    """Give the resource the configuration that `wanted` makes of its present one."""
    try:
        if asked > 1 or len({config.name for config in resource.configs}) < len(resource.configs):
            raise ApiError(ErrorCode.invalid_request, "a resource or a setting is given more than once")
        found = find_resource(node, resource.resource_type, resource.resource_name)
        overrides = found.check(wanted(found))
        if not validate_only:
            found.replace(overrides)
    except ApiError as error:
        return error.code, error.message
    return ErrorCode.none, None


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

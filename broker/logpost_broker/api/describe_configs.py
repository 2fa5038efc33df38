"""DescribeConfigs (32), versions 1 to 4: the configuration in force of topics, groups, client metrics, the broker and
its loggers.

- v1: where a value comes from. v3: types and documentation. v4: flexible

Documentation is left out.
"""

from __future__ import annotations

from kio.schema.describe_configs.v4.request import DescribeConfigsRequest, DescribeConfigsResource
from kio.schema.describe_configs.v4.response import (
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import i8

from logpost_broker.api.config_resources import find_resource
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.config_definition import DescribedConfig
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE


@handles(DescribeConfigsRequest, DescribeConfigsResponse, large_answers=True)
async def describe_configs(
    node: Node, request: DescribeConfigsRequest, context: RequestContext
) -> DescribeConfigsResponse:
    return DescribeConfigsResponse(
        throttle_time=NO_THROTTLE,
        results=tuple(
            [
                _result(node, resource, with_synonyms=request.include_synonyms)
                async for resource in node.turns.each(dict.fromkeys(request.resources))
            ]
        ),
    )


def _result(node: Node, asked: DescribeConfigsResource, *, with_synonyms: bool) -> DescribeConfigsResult:
    code, message = ErrorCode.none, None
    configs: tuple[DescribeConfigsResourceResult, ...] = ()
    try:
        # No names asked means all, null or empty, as in Kafka.
        wanted = set(asked.configuration_keys or ())
        configs = tuple(
            _described(setting, with_synonyms=with_synonyms)
            for setting in find_resource(node, asked.resource_type, asked.resource_name).described()
            if not wanted or setting.name in wanted
        )
    except ApiError as error:
        code, message = error.code, error.message
    return DescribeConfigsResult(
        error_code=code,
        error_message=message,
        resource_type=asked.resource_type,
        resource_name=asked.resource_name,
        configs=configs,
    )


def _described(setting: DescribedConfig, *, with_synonyms: bool) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=setting.name,
        value=setting.value,
        read_only=setting.read_only,
        config_source=i8(setting.source),
        is_sensitive=False,
        synonyms=tuple(
            DescribeConfigsSynonym(name=synonym.name, value=synonym.value, source=i8(synonym.source))
            for synonym in (setting.synonyms if with_synonyms else ())
            if synonym.name
        ),
        config_type=i8(setting.type),
        documentation=None,
    )

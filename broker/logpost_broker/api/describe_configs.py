"""DescribeConfigs (32), versions 1 to 4: the configuration in force of topics and of this broker.

- v1: where a value comes from. v3: types and documentation. v4: flexible

Documentation is left out, and of synonyms only the value itself is given.
"""

from __future__ import annotations

from collections.abc import Iterable

from kio.schema.describe_configs.v4.request import DescribeConfigsRequest, DescribeConfigsResource
from kio.schema.describe_configs.v4.response import (
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import i8

from logpost_broker.errors import ApiError
from logpost_broker.node import NODE_ID, Node
from logpost_broker.topic_configs import DescribedConfig, describe_broker
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE

TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4


@handles(DescribeConfigsRequest, DescribeConfigsResponse)
def describe_configs(node: Node, request: DescribeConfigsRequest, context: RequestContext) -> DescribeConfigsResponse:
    return DescribeConfigsResponse(
        throttle_time=NO_THROTTLE,
        results=tuple(
            _result(node, resource, with_synonyms=request.include_synonyms) for resource in request.resources
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
            for setting in _settings(node, asked)
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


def _settings(node: Node, asked: DescribeConfigsResource) -> Iterable[DescribedConfig]:
    """Raises ApiError."""
    if asked.resource_type == TOPIC_RESOURCE:
        topic = node.topics.by_name(asked.resource_name)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{asked.resource_name}'")
        return topic.configs.described(node.config)
    if asked.resource_type == BROKER_RESOURCE and asked.resource_name in ("", str(NODE_ID)):
        return describe_broker(node.config)
    raise ApiError(ErrorCode.invalid_request, f"no configuration of {asked.resource_type} '{asked.resource_name}'")


def _described(setting: DescribedConfig, *, with_synonyms: bool) -> DescribeConfigsResourceResult:
    synonym = DescribeConfigsSynonym(name=setting.name, value=setting.value, source=i8(setting.source))
    return DescribeConfigsResourceResult(
        name=setting.name,
        value=setting.value,
        read_only=setting.read_only,
        config_source=i8(setting.source),
        is_sensitive=False,
        synonyms=(synonym,) if with_synonyms else (),
        config_type=i8(setting.type),
        documentation=None,
    )

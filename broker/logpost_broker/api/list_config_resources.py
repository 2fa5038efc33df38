"""ListConfigResources (74), versions 0 and 1: what DescribeConfigs may be asked about (KIP-1000, KIP-1142).

- v0: subscriptions to client metrics only. v1: topics, brokers, their loggers, and groups too; no types asked means all

Of groups and client metrics those are listed that have something set.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode
from kio.schema.list_config_resources.v1.request import ListConfigResourcesRequest
from kio.schema.list_config_resources.v1.response import ConfigResource, ListConfigResourcesResponse
from kio.static.primitive import i8

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.resource_configs import ResourceType
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE


@handles(
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
    lift=[Adapted("resource_types", until=0, value=lambda request: (ResourceType.CLIENT_METRICS,))],
)
async def list_config_resources(
    node: Node, request: ListConfigResourcesRequest, context: RequestContext
) -> ListConfigResourcesResponse:
    asked = {int(kind) for kind in request.resource_types or ResourceType}
    if not asked <= {int(kind) for kind in ResourceType}:
        return ListConfigResourcesResponse(
            throttle_time=NO_THROTTLE, error_code=ErrorCode.unsupported_version, config_resources=()
        )
    named = [(name, kind) for kind in ResourceType if kind in asked for name in _names(node, kind)]
    return ListConfigResourcesResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        config_resources=tuple(
            [ConfigResource(resource_name=name, resource_type=i8(kind)) async for name, kind in node.turns.each(named)]
        ),
    )


def _names(node: Node, kind: ResourceType) -> list[str]:
    if kind is ResourceType.TOPIC:
        return [topic.name for topic in node.partitions.topics]
    if kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
        return [str(NODE_ID)]
    return node.partitions.resource_configs.names(kind)

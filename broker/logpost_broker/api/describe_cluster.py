"""DescribeCluster (60), versions 0 to 2: the cluster is this node.

- v1: brokers or controllers (only brokers here: MISMATCHED_ENDPOINT_TYPE). v2: fenced brokers, of which there are none
"""

from __future__ import annotations

from kio.schema.describe_cluster.v2.request import DescribeClusterRequest
from kio.schema.describe_cluster.v2.response import DescribeClusterBroker, DescribeClusterResponse
from kio.schema.errors import ErrorCode
from kio.schema.types import BrokerId
from kio.static.primitive import i8, i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

BROKERS, CONTROLLERS = i8(1), i8(2)
CLUSTER_OPERATIONS = i32(sum(1 << operation for operation in (5, 7, 8, 9, 10, 11, 12)))
"""Create, alter, describe, cluster action, describe and alter configs, idempotent write, as Kafka numbers them."""
OPERATIONS_NOT_ASKED = i32(-(2**31))


@handles(DescribeClusterRequest, DescribeClusterResponse)
def describe_cluster(node: Node, request: DescribeClusterRequest, context: RequestContext) -> DescribeClusterResponse:
    if request.endpoint_type == CONTROLLERS:
        return _refused(ErrorCode.mismatched_endpoint_type, "brokers listen here, controllers nowhere")
    if request.endpoint_type != BROKERS:
        return _refused(ErrorCode.unsupported_endpoint_type, f"there are no endpoints of type {request.endpoint_type}")
    return DescribeClusterResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        endpoint_type=BROKERS,
        cluster_id=node.cluster_id,
        controller_id=BrokerId(NODE_ID),
        brokers=(
            DescribeClusterBroker(
                broker_id=BrokerId(NODE_ID), host=node.host, port=i32(node.port), rack=None, is_fenced=False
            ),
        ),
        cluster_authorized_operations=CLUSTER_OPERATIONS
        if request.include_cluster_authorized_operations
        else OPERATIONS_NOT_ASKED,
    )


def _refused(code: ErrorCode, message: str) -> DescribeClusterResponse:
    return DescribeClusterResponse(
        throttle_time=NO_THROTTLE, error_code=code, error_message=message, cluster_id="", brokers=()
    )

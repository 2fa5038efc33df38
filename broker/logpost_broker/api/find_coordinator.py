"""FindCoordinator (10), versions 0 to 6: which broker has a group or a transactional id. Here it is always this one.

- v1: key type
- v3: flexible
- v4: several keys at once (KIP-699)
- v5: TRANSACTION_ABORTABLE may be answered (KIP-890); there is no reason to
- v6: the coordinator of a share partition's state (KIP-932), whose key is `group:topicId:partition`
"""

from __future__ import annotations

import re

from kio.schema.errors import ErrorCode
from kio.schema.find_coordinator.v6.request import FindCoordinatorRequest
from kio.schema.find_coordinator.v6.response import Coordinator, FindCoordinatorResponse
from kio.schema.types import BrokerId
from kio.static.primitive import i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE

GROUP = 0
TRANSACTION = 1
SHARE = 2
FIRST_WITH_SHARES = 6
SHARE_KEY = re.compile(r"[^:]+:[A-Za-z0-9_-]{22}:\d+", re.ASCII)
"""The id as Kafka writes it, in base 64."""


@handles(
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    lift=[Adapted("coordinator_keys", 3, lambda request: (request.key,))],
    lower=[
        Adapted("error_code", 3, lambda response: response.coordinators[0].error_code),
        Adapted("error_message", 3, lambda response: response.coordinators[0].error_message),
        Adapted("node_id", 3, lambda response: response.coordinators[0].node_id),
        Adapted("host", 3, lambda response: response.coordinators[0].host),
        Adapted("port", 3, lambda response: response.coordinators[0].port),
    ],
)
async def find_coordinator(
    node: Node, request: FindCoordinatorRequest, context: RequestContext
) -> FindCoordinatorResponse:
    return FindCoordinatorResponse(
        throttle_time=NO_THROTTLE,
        coordinators=tuple(
            [
                _this_broker(node, key) if _is_key(key, request.key_type, context.version) else _refused(key)
                async for key in node.turns.each(request.coordinator_keys)
            ]
        ),
    )


def _is_key(key: str, key_type: int, version: int) -> bool:
    if key_type == SHARE:
        return version >= FIRST_WITH_SHARES and SHARE_KEY.fullmatch(key) is not None
    return key_type in (GROUP, TRANSACTION)


def _this_broker(node: Node, key: str) -> Coordinator:
    return Coordinator(
        key=key,
        node_id=BrokerId(NODE_ID),
        host=node.host,
        port=i32(node.port),
        error_code=ErrorCode.none,
        error_message=None,
    )


def _refused(key: str) -> Coordinator:
    return Coordinator(
        key=key,
        node_id=BrokerId(-1),
        host="",
        port=i32(-1),
        error_code=ErrorCode.invalid_request,
        error_message="a key names a group (type 0), a transaction (1), or a share partition's state (2, "
        "group:topicId:partition)",
    )

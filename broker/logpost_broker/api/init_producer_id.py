"""InitProducerId (22), versions 0 to 6: an id for an idempotent producer.

- v2: flexible. v3: the producer's present id and epoch (KIP-360). v6: two-phase commit

Every call gives a new id with epoch 0. A transactional id is refused: this broker has no transactions.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode
from kio.schema.init_producer_id.v6.request import InitProducerIdRequest
from kio.schema.init_producer_id.v6.response import InitProducerIdResponse
from kio.schema.types import ProducerId
from kio.static.primitive import i16

from logpost_broker.errors import ApiError
from logpost_broker.node import Node
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE


@handles(InitProducerIdRequest, InitProducerIdResponse)
def init_producer_id(node: Node, request: InitProducerIdRequest, context: RequestContext) -> InitProducerIdResponse:
    if request.transactional_id is not None:
        return _refused(ErrorCode.unsupported_version)
    try:
        producer_id = node.producer_ids.take()
    except ApiError as error:
        return _refused(error.code)
    return InitProducerIdResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        producer_id=ProducerId(producer_id),
        producer_epoch=i16(0),
    )


def _refused(code: ErrorCode) -> InitProducerIdResponse:
    return InitProducerIdResponse(throttle_time=NO_THROTTLE, error_code=code, producer_epoch=i16(-1))

"""EndTxn (26), versions 0 to 5: commit or abort a transaction.

- v2: PRODUCER_FENCED, which was INVALID_PRODUCER_EPOCH. v3: flexible. v4: TRANSACTION_ABORTABLE may be answered
- v5: protocol v2 (KIP-890): each end gives the client its next epoch, or a new id when there are no more
"""

from __future__ import annotations

from kio.schema.end_txn.v5.request import EndTxnRequest
from kio.schema.end_txn.v5.response import EndTxnResponse
from kio.schema.errors import ErrorCode
from kio.schema.types import ProducerId
from kio.static.primitive import i16

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.messages import End
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_PRODUCER_FENCED = 2
FIRST_OF_PROTOCOL_V2 = 5


@handles(EndTxnRequest, EndTxnResponse)
async def end_txn(node: Node, request: EndTxnRequest, context: RequestContext) -> EndTxnResponse:
    end = End(
        transactional_id=request.transactional_id,
        producer=ProducerIdentity(request.producer_id, request.producer_epoch),
        commit=request.committed,
        is_v2=context.version >= FIRST_OF_PROTOCOL_V2,
    )
    try:
        producer = await node.transactions.end(end)
    except ApiError as error:
        code = error.code
        if code is ErrorCode.producer_fenced and context.version < FIRST_WITH_PRODUCER_FENCED:
            code = ErrorCode.invalid_producer_epoch
        return EndTxnResponse(throttle_time=NO_THROTTLE, error_code=code)
    return EndTxnResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        producer_id=ProducerId(producer.producer_id),
        producer_epoch=i16(producer.epoch),
    )

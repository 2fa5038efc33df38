"""AddOffsetsToTxn (25), versions 0 to 4: a transaction is going to commit offsets of a group.

- v2: PRODUCER_FENCED, which was INVALID_PRODUCER_EPOCH. v3: flexible. v4: TRANSACTION_ABORTABLE may be answered
"""

from __future__ import annotations

from kio.schema.add_offsets_to_txn.v4.request import AddOffsetsToTxnRequest
from kio.schema.add_offsets_to_txn.v4.response import AddOffsetsToTxnResponse
from kio.schema.errors import ErrorCode

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.messages import OFFSETS_PARTITION, Add
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_PRODUCER_FENCED = 2


@handles(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse)
async def add_offsets_to_txn(
    node: Node, request: AddOffsetsToTxnRequest, context: RequestContext
) -> AddOffsetsToTxnResponse:
    add = Add(
        transactional_id=request.transactional_id,
        producer=ProducerIdentity(request.producer_id, request.producer_epoch),
        partitions=frozenset({OFFSETS_PARTITION}),
    )
    code = ErrorCode.none
    try:
        if not request.group_id:
            raise ApiError(ErrorCode.invalid_group_id, "a transaction commits offsets of a group with a name")
        await node.transactions.add(add)
    except ApiError as error:
        code = error.code
        if code is ErrorCode.producer_fenced and context.version < FIRST_WITH_PRODUCER_FENCED:
            code = ErrorCode.invalid_producer_epoch
    return AddOffsetsToTxnResponse(throttle_time=NO_THROTTLE, error_code=code)

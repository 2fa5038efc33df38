"""InitProducerId (22), versions 0 to 6: an id and an epoch for an idempotent or a transactional producer.

- v2: flexible. v3: the producer's present id and epoch (KIP-360). v4: PRODUCER_FENCED, which was INVALID_PRODUCER_EPOCH
- v5: TRANSACTION_ABORTABLE may be answered (KIP-890). v6: two-phase commit (KIP-939), which is refused as Kafka does
  where it is not enabled

Without a transactional id every call gives a new id with epoch 0.
"""

from __future__ import annotations

from collections.abc import Awaitable

from kio.schema.errors import ErrorCode
from kio.schema.init_producer_id.v6.request import InitProducerIdRequest
from kio.schema.init_producer_id.v6.response import InitProducerIdResponse
from kio.schema.types import ProducerId
from kio.static.primitive import i16

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.events import NO_EPOCH, NO_PRODUCER_ID
from logpost_broker.transactions.messages import Init
from logpost_broker.wire.units import NO_THROTTLE, milliseconds

FIRST_WITH_PRODUCER_FENCED = 4


@handles(InitProducerIdRequest, InitProducerIdResponse)
def init_producer_id(
    node: Node, request: InitProducerIdRequest, context: RequestContext
) -> InitProducerIdResponse | Awaitable[InitProducerIdResponse]:
    try:
        current = _current(request)
        if request.transactional_id is not None:
            return _init_transactional(node, request, request.transactional_id, current, context)
        return _answer(ProducerIdentity(node.partitions.producer_ids.take(), 0))
    except ApiError as error:
        return _refused(error.code)


def _current(request: InitProducerIdRequest) -> ProducerIdentity | None:
    """Raises ApiError INVALID_REQUEST for half an identity."""
    if (request.producer_id == NO_PRODUCER_ID) != (request.producer_epoch == NO_EPOCH):
        raise ApiError(ErrorCode.invalid_request, "a producer id needs an epoch")
    if request.producer_id == NO_PRODUCER_ID:
        return None
    return ProducerIdentity(request.producer_id, request.producer_epoch)


async def _init_transactional(
    node: Node,
    request: InitProducerIdRequest,
    transactional_id: str,
    current: ProducerIdentity | None,
    context: RequestContext,
) -> InitProducerIdResponse:
    if request.enable2_pc:
        return _refused(ErrorCode.transactional_id_authorization_failed)
    if request.keep_prepared_txn:
        return _refused(ErrorCode.unsupported_version)
    timeout_ms = milliseconds(request.transaction_timeout)
    init = Init(transactional_id=transactional_id, timeout_ms=timeout_ms, current=current)
    try:
        return _answer(await node.transactions.init(init))
    except ApiError as error:
        if error.code is ErrorCode.producer_fenced and context.version < FIRST_WITH_PRODUCER_FENCED:
            return _refused(ErrorCode.invalid_producer_epoch)
        return _refused(error.code)


def _answer(producer: ProducerIdentity) -> InitProducerIdResponse:
    return InitProducerIdResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        producer_id=ProducerId(producer.producer_id),
        producer_epoch=i16(producer.epoch),
    )


def _refused(code: ErrorCode) -> InitProducerIdResponse:
    return InitProducerIdResponse(throttle_time=NO_THROTTLE, error_code=code, producer_epoch=i16(NO_EPOCH))

"""ListTransactions (66) and DescribeTransactions (65): what transactions there are, for operators.

ListTransactions, versions 0 to 2
- v1: only those that have been going on for longer than a duration
- v2: only those whose transactional id matches a pattern (KIP-1152)

DescribeTransactions, version 0
"""

from __future__ import annotations

import datetime

from kio.schema.describe_transactions.v0.request import DescribeTransactionsRequest
from kio.schema.describe_transactions.v0.response import DescribeTransactionsResponse, TopicData
from kio.schema.describe_transactions.v0.response import TransactionState as Described
from kio.schema.errors import ErrorCode
from kio.schema.list_transactions.v2.request import ListTransactionsRequest
from kio.schema.list_transactions.v2.response import ListTransactionsResponse
from kio.schema.list_transactions.v2.response import TransactionState as Listed
from kio.schema.types import ProducerId, TopicName, TransactionalId
from kio.static.primitive import i16, i32, i32Timedelta

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.regular_expression import RegularExpression
from logpost_broker.transactions.events import NO_EPOCH, NO_PRODUCER_ID, TransactionStored
from logpost_broker.transactions.listing import ListFilter, is_wanted
from logpost_broker.transactions.states import TransactionState
from logpost_broker.wire.units import NO_THROTTLE, instant

STATES = {state.value: state for state in TransactionState}


@handles(ListTransactionsRequest, ListTransactionsResponse, large_answers=True)
async def list_transactions(
    node: Node, request: ListTransactionsRequest, context: RequestContext
) -> ListTransactionsResponse:
    try:
        pattern = RegularExpression(request.transactional_id_pattern or "")
    except ValueError:
        return _answer(ErrorCode.invalid_regular_expression)
    wanted = ListFilter(
        states=frozenset(STATES[name] for name in request.state_filters if name in STATES)
        if request.state_filters
        else None,
        producer_ids=frozenset(request.producer_id_filters),
        min_duration_ms=request.duration_filter,
    )
    now_ms = node.partitions.now_ms()
    found = [
        _listed(each)
        async for each in node.turns.each(node.transactions.core.all())
        if is_wanted(each, wanted, now_ms)
        and (not request.transactional_id_pattern or pattern.matches(each.transactional_id))
    ]
    unknown = tuple(name for name in request.state_filters if name not in STATES)
    return _answer(ErrorCode.none, unknown, tuple(found))


def _answer(
    code: ErrorCode, unknown: tuple[str, ...] = (), listed: tuple[Listed, ...] = ()
) -> ListTransactionsResponse:
    return ListTransactionsResponse(
        throttle_time=NO_THROTTLE, error_code=code, unknown_state_filters=unknown, transaction_states=listed
    )


def _listed(transaction: TransactionStored) -> Listed:
    return Listed(
        transactional_id=TransactionalId(transaction.transactional_id),
        producer_id=ProducerId(transaction.producer_id),
        transaction_state=transaction.state.value,
    )


@handles(DescribeTransactionsRequest, DescribeTransactionsResponse, large_answers=True)
async def describe_transactions(
    node: Node, request: DescribeTransactionsRequest, context: RequestContext
) -> DescribeTransactionsResponse:
    core = node.transactions.core
    return DescribeTransactionsResponse(
        throttle_time=NO_THROTTLE,
        transaction_states=tuple(
            [
                _described(transactional_id, core.describe(transactional_id))
                async for transactional_id in node.turns.each(dict.fromkeys(request.transactional_ids))
            ]
        ),
    )


def _described(transactional_id: TransactionalId, found: TransactionStored | None) -> Described:
    if found is None:
        code = ErrorCode.transactional_id_not_found if transactional_id else ErrorCode.invalid_request
        return Described(
            error_code=code,
            transactional_id=transactional_id,
            transaction_state="",
            transaction_timeout=i32Timedelta.parse(NO_THROTTLE),
            transaction_start_time=instant(0),
            producer_id=ProducerId(NO_PRODUCER_ID),
            producer_epoch=i16(NO_EPOCH),
            topics=(),
        )
    topics: dict[str, list[i32]] = {}
    for topic, partition in sorted(found.partitions):
        topics.setdefault(topic, []).append(i32(partition))
    return Described(
        error_code=ErrorCode.none,
        transactional_id=transactional_id,
        transaction_state=found.state.value,
        transaction_timeout=_duration(found.timeout_ms),
        transaction_start_time=instant(found.started_ms),
        producer_id=ProducerId(found.producer_id),
        producer_epoch=i16(found.producer_epoch),
        topics=tuple(
            TopicData(topic=TopicName(topic), partitions=tuple(partitions)) for topic, partitions in topics.items()
        ),
    )


def _duration(milliseconds: int) -> i32Timedelta:
    return i32Timedelta.parse(datetime.timedelta(milliseconds=milliseconds))

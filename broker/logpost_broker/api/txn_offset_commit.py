"""TxnOffsetCommit (28), versions 0 to 5: offsets that count when the transaction is committed.

- v2: leader epoch. v3: the member that commits (KIP-447); flexible
- v4: TRANSACTION_ABORTABLE where the offsets were not added to the transaction, INVALID_TXN_STATE before (KIP-890)
- v5: adds them itself
"""

from __future__ import annotations

from collections.abc import Iterable

from kio.schema.errors import ErrorCode
from kio.schema.txn_offset_commit.v5.request import TxnOffsetCommitRequest
from kio.schema.txn_offset_commit.v5.response import (
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)

from logpost_broker.api.offsets_to_commit import offsets_to_commit
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.offsets.messages import Commit, CommitReply, OffsetToCommit
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.messages import OFFSETS_PARTITION, Add
from logpost_broker.transactions.verification import Verification
from logpost_broker.wire.units import NO_THROTTLE

FIRST_THAT_ADDS = 5


@handles(TxnOffsetCommitRequest, TxnOffsetCommitResponse)
async def txn_offset_commit(
    node: Node, request: TxnOffsetCommitRequest, context: RequestContext
) -> TxnOffsetCommitResponse:
    verification = Verification.of(context.version, adds_from=FIRST_THAT_ADDS)
    producer = ProducerIdentity(request.producer_id, request.producer_epoch)
    add = Add(
        transactional_id=request.transactional_id,
        producer=producer,
        partitions=frozenset({OFFSETS_PARTITION}),
        is_v2=verification is Verification.ADDS,
    )
    transactions = node.transactions
    known = node.partitions.topics
    try:
        with context.in_order():  # else a later commit of the client could be written first
            named = ((known.by_name(topic.name), topic.partitions) for topic in request.topics)
            offsets, topics = await offsets_to_commit(node, named)
            commit = Commit(
                group_id=request.group_id,
                member_id=request.member_id,
                instance_id=request.group_instance_id,
                generation=request.generation_id,
                offsets=offsets,
                producer=producer,
            )
            if not request.group_id:
                raise ApiError(ErrorCode.invalid_group_id, "a transaction commits offsets of a group with a name")
            # In one step with the writing: behind the end of the transaction they would stay pending.
            written = await node.groups.commit_in_steps(commit, topics, lambda: transactions.verify(add, verification))
        reply = await written
    except ApiError as error:
        reply = CommitReply(code=error.code)
    return await _answer(node, request, offsets, reply)


async def _answer(
    node: Node, request: TxnOffsetCommitRequest, offsets: Iterable[OffsetToCommit], reply: CommitReply
) -> TxnOffsetCommitResponse:
    existing = {(one.topic, one.partition) async for one in node.turns.each(offsets)}

    def code(topic: str, partition: int) -> ErrorCode:
        if (topic, partition) not in existing:
            return ErrorCode.unknown_topic_or_partition
        if reply.code is not ErrorCode.none:
            return reply.code
        return reply.codes.get((topic, partition), ErrorCode.unknown_topic_or_partition)  # deleted meanwhile

    return TxnOffsetCommitResponse(
        throttle_time=NO_THROTTLE,
        topics=tuple(
            [
                TxnOffsetCommitResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        [
                            TxnOffsetCommitResponsePartition(
                                partition_index=partition.partition_index,
                                error_code=code(topic.name, partition.partition_index),
                            )
                            async for partition in node.turns.each(topic.partitions)
                        ]
                    ),
                )
                async for topic in node.turns.each(request.topics)
            ]
        ),
    )

"""The markers that end a transaction in its partitions, whatever becomes of single ones of them."""

from __future__ import annotations

from functools import partial

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.groups.offsets.events import TransactionEnded
from logpost_broker.groups.service import GroupService
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.transactions.events import TopicPartition, TransactionStored


class Markers:
    def __init__(self, partitions: Partitions, groups: GroupService) -> None:
        self._partitions = partitions
        self._groups = groups
        self._marked: dict[str, set[TopicPartition]] = {}
        """Transactional id → partitions that have their marker, while others of the transaction wait for theirs."""

    async def write_all(self, transaction: TransactionStored) -> None:
        """Returns when all are durable. Raises ApiError where some could not be written; the next try is for those."""
        marked = self._marked.setdefault(transaction.transactional_id, set())
        places = sorted(transaction.partitions - marked)
        results = await self._partitions.turns.all_of(
            [partial(self._write_one, transaction, place) for place in places]
        )
        failed = [result for result in results if result is not None]
        if failed:
            marked.update(place for place, result in zip(places, results, strict=True) if result is None)
            raise failed[0]
        del self._marked[transaction.transactional_id]

    async def _write_one(self, transaction: TransactionStored, place: TopicPartition) -> None:
        name, partition = place
        topic = self._partitions.topics.by_name(name)
        if name != CONSUMER_OFFSETS and (topic is None or partition >= topic.partitions):
            return  # The topic was deleted, and maybe made again with fewer partitions.
        epoch = self._partitions.logs.leader_epoch
        await self.write(place, transaction.identity, coordinator_epoch=epoch, commit=transaction.state.is_commit)

    async def write(
        self, place: TopicPartition, producer: ProducerIdentity, *, coordinator_epoch: int, commit: bool
    ) -> None:
        """End a producer's transaction in one partition, durably. Raises ApiError: UNKNOWN_TOPIC_OR_PARTITION, and what
        PartitionLog.append_marker raises."""
        name, partition = place
        if name == CONSUMER_OFFSETS:
            ended = TransactionEnded(producer=producer, coordinator_epoch=coordinator_epoch, commit=commit)
            await self._groups.end_transaction(ended)
            return
        topic = self._partitions.topics.by_name(name)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic {name}")
        log = await self._partitions.opened(topic, partition)
        # A batch that is being compressed belongs before the marker: behind it, it would be in the next transaction.
        await self._partitions.appender.drained(log)
        log.append_marker(
            producer.producer_id, producer.epoch, coordinator_epoch, commit=commit, now_ms=self._partitions.now_ms()
        )
        await self._partitions.durable(log)

"""The share partitions of a running broker: the pure ones, their journal, the timer of locks, who waits for records.

A change is journaled, then made. An answer about it has to await `settled`: nobody learns that a record is finished
before a power cut can no longer bring it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.journal import Journal
from logpost_broker.errors import ApiError
from logpost_broker.groups.share.acknowledgements import Acknowledgement
from logpost_broker.groups.share.events import Place, ShareDeleted, ShareEvent
from logpost_broker.groups.share.journal import ShareJournalFormat, make_topic, replay
from logpost_broker.groups.share.share_partition import MAX_RUNS, Acquired, Change, SharePartition
from logpost_broker.groups.share.states import ShareStates
from logpost_broker.log.aborted_transactions import AbortedTransaction
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, whole_batches
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.time_lookup import lookup_of
from logpost_broker.metadata.group_configs import EARLIEST, LATEST, SHARE_AUTO_OFFSET_RESET, duration_ms
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.metadata.resource_configs import ResourceType
from logpost_broker.partitions.partitions import Partitions

READ_BYTES = 1024 * 1024
"""How much of a log to read for one answer; a larger batch comes whole."""
RETRY_MS = 1_000
"""When to try again to journal that locks have ended."""

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What is left of a ShareFetch request's limits."""

    max_bytes: int
    max_records: int
    strict: bool
    """Not one record more, although its batch is sent again then."""
    whole_first: bool
    """The first batch may be larger than `max_bytes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Whole batches, and which of their records the member has acquired."""

    records: bytes = b""
    acquired: Sequence[Acquired] = ()


NOTHING = Fetched()


def _read(
    log: PartitionLog, partition: SharePartition, limits: FetchLimits
) -> tuple[bytes, Sequence[AbortedTransaction]]:
    offset, max_bytes = partition.next_fetch_offset, min(limits.max_bytes, READ_BYTES)
    if partition.limits.is_committed_only:
        return log.read_committed(offset, max_bytes, whole_first=limits.whole_first)
    return log.read(offset, max_bytes, whole_first=limits.whole_first), ()


def _aborted_ranges(
    batches: Iterable[tuple[int, BatchHeader]], aborted: Sequence[AbortedTransaction]
) -> list[tuple[int, int]]:
    """Share consumers are not told of transactions, so records that were aborted are not given to them."""
    return [
        (header.base_offset, header.last_offset)
        for _, header in batches
        if header.attributes & TRANSACTIONAL
        and not header.attributes & CONTROL
        and any(
            one.producer_id == header.producer_id and one.first_offset <= header.base_offset < one.last_offset
            for one in aborted
        )
    ]


class ShareDelivery:
    def __init__(
        self,
        partitions: Partitions,
        limits: Callable[[str], ShareLimits],
        is_group: Callable[[str], bool],
        snapshot_bytes: int,
    ) -> None:
        """`limits` of a group, and whether an id `is_group`'s: as they are at the time of a call."""
        self._partitions = partitions
        self._is_group = is_group
        self.states = ShareStates(limits)
        self._journal: Journal[ShareEvent] = Journal(
            partitions, ShareJournalFormat(), lambda: self.states.snapshot(partitions.now_ms()), snapshot_bytes
        )
        partitions.metrics.watch_state("shares", lambda: self._journal.state_bytes)
        self._expiries: dict[Place, asyncio.TimerHandle] = {}
        self._wakers: dict[Place, dict[Callable[[], None], None]] = {}

    def start(self) -> None:
        """Replay; a crash may have come between the deletion of a topic and that of what groups had of it."""
        for event in replay(self._partitions):
            self.states.apply(event)
        self.forget([place for place, _ in self.states if self._partitions.topics.by_id(place.topic_id) is None])

    def stop(self) -> None:
        for handle in self._expiries.values():
            handle.cancel()
        self._expiries.clear()

    async def settled(self) -> None:
        """Everything journaled so far is durable. Raises ApiError when it cannot be."""
        if self._journal.durable is not None:
            await self._journal.durable

    def log(self, place: Place) -> PartitionLog:
        """Raises ApiError: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR."""
        return self._partitions.log(self._partitions.topic_of(place.topic_id), place.partition)

    async def begin_if_new(self, place: Place) -> None:
        """Begin where the group's settings say, unless it has begun: others are served while a time is looked up.
        Raises ApiError as `fetch`."""
        log = self.log(place)
        if self.states.get(place) is None:
            self._require_group(place.group_id)
            start_offset = await self._first_offset(place.group_id, log)
            if self.states.get(place) is None:  # no other fetch was faster
                self._require_group(place.group_id)
                self.begin(place, start_offset)

    def _require_group(self, group_id: str) -> None:
        if not self._is_group(group_id):
            raise ApiError(ErrorCode.unknown_server_error, f"there is no share group {group_id}")

    def fetch(self, place: Place, member_id: str, limits: FetchLimits) -> Fetched:
        """Acquire records for a member, once the group has begun. Raises ApiError: as `log`, KAFKA_STORAGE_ERROR, and
        UNKNOWN_SERVER_ERROR where there is no such group, as Kafka does."""
        log = self.log(place)
        while True:
            partition = self._current(place, log)
            if not partition.may_acquire or partition.next_fetch_offset >= log.high_watermark:
                return NOTHING
            data, aborted = _read(log, partition, limits)
            batches = list(whole_batches(data))
            readable = [(header.base_offset, header.last_offset) for _, header in batches]
            now_ms = self._partitions.now_ms()
            acquired = partition.acquire(member_id, readable, limits.max_records, now_ms, strict=limits.strict)
            if not acquired:
                return NOTHING
            self._carry_out(place, partition.archive(member_id, _aborted_ranges(batches, aborted)))
            acquired = partition.kept(acquired)
            if acquired:
                self._watch_locks(place, partition)
                ends = (at + header.size_bytes for at, header in batches if header.last_offset >= acquired[-1][1])
                return Fetched(records=data[: next(ends, len(data))], acquired=acquired)

    def _current(self, place: Place, log: PartitionLog) -> SharePartition:
        """The share partition, brought up to what happened to the log."""
        partition = self.states.get(place)
        if partition is None:  # deleted since it began
            raise ApiError(ErrorCode.unknown_server_error, f"share group {place.group_id} has not begun")
        if partition.end_offset > log.next_offset:
            # The log has lost records, which a crash can cost it without `flush = "commit"`. Others take their offsets.
            return self.begin(place, min(partition.start_offset, log.next_offset))
        self._carry_out(place, partition.move_start(log.log_start_offset))
        return partition

    async def _first_offset(self, group_id: str, log: PartitionLog) -> int:
        """Where a group begins that has not been here before."""
        configs = self._partitions.resource_configs.of(ResourceType.GROUP, group_id)
        reset = configs.get(SHARE_AUTO_OFFSET_RESET, LATEST)
        if reset == EARLIEST:
            return log.log_start_offset
        back_ms = duration_ms(reset)
        if back_ms is None:
            return log.high_watermark
        found = await self._partitions.turns.run(lookup_of(log, self._partitions.now_ms() - back_ms))
        return log.high_watermark if found is None else found.offset

    def begin(self, place: Place, start_offset: int) -> SharePartition:
        """From this offset on, whatever was before. Raises ApiError: KAFKA_STORAGE_ERROR, and UNKNOWN_SERVER_ERROR
        where share groups keep too much for one more."""
        if self.states.get(place) is None and self._journal.is_full:
            raise ApiError(ErrorCode.unknown_server_error, "share groups keep as much state as they may")
        leader_epoch = self.log(place).leader_epoch
        self._write([self.states.begun(place, start_offset, leader_epoch, self._partitions.now_ms())])
        partition = self.states.get(place)
        assert partition is not None, "an event of it was applied"
        return partition

    def forget(self, places: Iterable[Place]) -> None:
        """Raises ApiError KAFKA_STORAGE_ERROR."""
        deleted = [ShareDeleted(place=place) for place in places]
        if deleted:
            self._write(deleted)

    def write(self, place: Place, state_epoch: int, change: Change) -> None:
        """Set the state of records from outside. Raises ApiError: INVALID_REQUEST where nothing has begun,
        FENCED_STATE_EPOCH, KAFKA_STORAGE_ERROR."""
        kept = self.states.kept(place)
        if kept is None:
            raise ApiError(ErrorCode.invalid_request, "the group has not begun with this partition")
        if state_epoch < kept.state_epoch:
            raise ApiError(ErrorCode.fenced_state_epoch, f"the state's epoch is {kept.state_epoch}")
        if kept.partition.runs_after(change) > MAX_RUNS:
            raise ApiError(ErrorCode.invalid_request, f"a share partition keeps up to {MAX_RUNS} states of records")
        self._carry_out(place, change)

    def acknowledge(self, place: Place, member_id: str, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Raises ApiError: INVALID_REQUEST, INVALID_RECORD_STATE, KAFKA_STORAGE_ERROR, as `log`, and
        UNKNOWN_TOPIC_OR_PARTITION where the group has not begun."""
        log = self.log(place)
        if self.states.get(place) is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition, "the group has acquired nothing of the partition")
        partition = self._current(place, log)
        self._carry_out(place, partition.acknowledge(member_id, acknowledgements, self._partitions.now_ms()))

    def release(self, group_id: str, member_id: str) -> None:
        """Others may have what the member had. Raises ApiError KAFKA_STORAGE_ERROR."""
        for place in self.states.places(group_id):
            partition = self.states.get(place)
            if partition is not None:
                self._carry_out(place, partition.release(member_id))

    def _carry_out(self, place: Place, change: Change) -> None:
        if change:
            self._write(self.states.changed(place, change, self._partitions.now_ms()))
            self._wake(place)

    def _write(self, events: Sequence[ShareEvent]) -> None:
        make_topic(self._partitions)
        self._journal.append(events)
        for event in events:
            self.states.apply(event)
        self._journal.snapshot_if_due()

    # Locks

    def _watch_locks(self, place: Place, partition: SharePartition) -> None:
        if partition.next_expiry_ms is not None:
            self._expire_in(place, partition.next_expiry_ms - self._partitions.now_ms())

    def _expire_in(self, place: Place, after_ms: int) -> None:
        """Or earlier, if a timer is set that rings before that."""
        loop = asyncio.get_running_loop()
        at, armed = loop.time() + max(after_ms, 1) / 1000, self._expiries.get(place)
        if armed is None or at < armed.when():
            if armed is not None:
                armed.cancel()
            self._expiries[place] = loop.call_at(at, self._expire, place)

    def _expire(self, place: Place) -> None:
        del self._expiries[place]
        partition = self.states.get(place)
        if partition is None:
            return
        try:
            self._carry_out(place, partition.expire(self._partitions.now_ms()))
        except ApiError as error:
            logger.error("cannot journal that locks of group %s have ended: %s", place.group_id, error)
            self._expire_in(place, RETRY_MS)
            return
        self._watch_locks(place, partition)

    # Who waits for records to become free

    def watch(self, place: Place, wake: Callable[[], None]) -> None:
        """Call `wake` whenever records may have become free, until `unwatch`."""
        self._wakers.setdefault(place, {})[wake] = None

    def unwatch(self, place: Place, wake: Callable[[], None]) -> None:
        wakers = self._wakers.get(place, {})
        wakers.pop(wake, None)
        if not wakers:
            self._wakers.pop(place, None)

    def _wake(self, place: Place) -> None:
        """In the order in which they began to wait."""
        for wake in tuple(self._wakers.get(place, ())):
            wake()

"""A share partition against a model that knows each record by itself, with crashes at any time."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from logpost_broker.errors import ApiError
from logpost_broker.groups.share.acknowledgements import Acknowledgement, AcknowledgeType
from logpost_broker.groups.share.events import Place, RecordState, ShareEvent
from logpost_broker.groups.share.share_partition import Change, SharePartition
from logpost_broker.groups.share.state_record import from_record, to_record
from logpost_broker.groups.share.states import ShareStates
from logpost_broker.metadata.group_limits import ShareLimits

LIMITS = ShareLimits(
    record_lock_duration_ms=100, delivery_count_limit=2, partition_max_record_locks=30, updates_per_snapshot=4
)
PLACE = Place("g", uuid.UUID(int=1), 0)
MEMBERS = st.sampled_from("abc")


@dataclass
class Lock:
    member: str
    until_ms: int


class SharePartitionMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.log: list[tuple[int, int]] = []
        self.log_start = 0
        self.journal: list[tuple[bytes, bytes | None]] = []
        self.states = ShareStates(lambda _: LIMITS)
        self.write(self.states.begun(PLACE, 0, 0, 0))
        self.locks: dict[int, Lock] = {}
        self.deliveries: Counter[int] = Counter()
        self.unsure: set[int] = set()
        """Given out before a crash: their count may be that of before."""
        self.accepted: set[int] = set()
        self.archived: set[int] = set()

    @property
    def partition(self) -> SharePartition:
        partition = self.states.get(PLACE)
        assert partition is not None
        return partition

    @property
    def log_end(self) -> int:
        return self.log[-1][1] + 1 if self.log else 0

    def write(self, *events: ShareEvent) -> None:
        for event in events:
            record = to_record(event)
            assert from_record(*record) == event
            self.journal.append(record)
            self.states.apply(event)

    def carry_out(self, change: Change) -> None:
        if change:
            self.write(*self.states.changed(PLACE, change, self.now_ms))
            assert self.partition.delivery_complete_count == change.delivery_complete_count

    @rule(size=st.integers(1, 12))
    def produce(self, size: int) -> None:
        self.log.append((self.log_end, self.log_end + size - 1))

    @rule(member=MEMBERS, records=st.integers(1, 15), strict=st.booleans(), batches=st.integers(1, 3))
    def acquire(self, member: str, records: int, strict: bool, batches: int) -> None:
        offset = self.partition.next_fetch_offset
        readable = [batch for batch in self.log if batch[1] >= offset][:batches]
        acquired = self.partition.acquire(member, readable, records, self.now_ms, strict=strict)
        offsets = [(offset, run.delivery_count) for run in acquired for offset in range(run[0], run[1] + 1)]
        assert not strict or len(offsets) <= records
        for offset, count in offsets:
            assert offset not in self.locks, "acquired by two"
            assert offset not in self.accepted | self.archived, "given out after its end"
            self.deliveries[offset] += 1
            if offset in self.unsure:
                assert count <= self.deliveries[offset]
                self.deliveries[offset] = count
            assert count == self.deliveries[offset] <= LIMITS.delivery_count_limit
            self.locks[offset] = Lock(member, self.now_ms + LIMITS.record_lock_duration_ms)

    @rule(
        member=MEMBERS,
        first=st.integers(0, 60),
        types=st.lists(st.sampled_from(AcknowledgeType), min_size=1, max_size=8),
    )
    def acknowledge(self, member: str, first: int, types: list[AcknowledgeType]) -> None:
        offsets = range(first, first + len(types))
        batch = Acknowledgement(first, offsets[-1], tuple(types))
        live = [offset for offset in offsets if offset >= self.partition.start_offset]
        owned = all(offset in self.locks and self.locks[offset].member == member for offset in live)
        known = offsets[-1] < self.partition.end_offset
        try:
            change = self.partition.acknowledge(member, [batch], self.now_ms)
        except ApiError:
            assert not (owned and known)
            return
        assert owned and known
        self.carry_out(change)
        for offset, kind in zip(offsets, types, strict=True):
            if offset in live:
                self.finish(offset, kind)

    def finish(self, offset: int, kind: AcknowledgeType) -> None:
        if kind is AcknowledgeType.RENEW:
            self.locks[offset].until_ms = self.now_ms + LIMITS.record_lock_duration_ms
            return
        del self.locks[offset]
        self.unsure.discard(offset)
        if kind is AcknowledgeType.ACCEPT:
            self.accepted.add(offset)
        elif kind is not AcknowledgeType.RELEASE or self.deliveries[offset] >= LIMITS.delivery_count_limit:
            self.archived.add(offset)

    @rule(passed_ms=st.integers(1, 150))
    def sleep(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        self.carry_out(self.partition.expire(self.now_ms))
        for offset in [offset for offset, lock in self.locks.items() if lock.until_ms <= self.now_ms]:
            self.finish(offset, AcknowledgeType.RELEASE)

    @rule(member=MEMBERS)
    def leave(self, member: str) -> None:
        self.carry_out(self.partition.release(member))
        for offset in [offset for offset, lock in self.locks.items() if lock.member == member]:
            self.finish(offset, AcknowledgeType.RELEASE)

    @rule()
    def crash(self) -> None:
        """Nothing of the memory is left; what was in members' hands is free."""
        self.unsure |= set(self.locks)
        self.locks.clear()
        self.states = ShareStates(lambda _: LIMITS)
        for record in self.journal:
            self.states.apply(from_record(*record))

    @rule()
    def write_all_again(self) -> None:
        """As the journal does from time to time; what lies before is dropped."""
        begin = len(self.journal)
        self.write(*self.states.snapshot(self.now_ms))
        del self.journal[:begin]

    @rule(share=st.floats(0, 1))
    def retain(self, share: float) -> None:
        self.log_start = max(self.log_start, int(share * self.log_end / 4))
        self.carry_out(self.partition.move_start(self.log_start))
        for offset in range(self.partition.start_offset):
            self.locks.pop(offset, None)
            if offset not in self.accepted:
                self.archived.add(offset)

    @invariant()
    def the_start_moves_over_finished_records_only(self) -> None:
        finished = self.accepted | self.archived
        start = self.partition.start_offset
        assert all(offset in finished for offset in range(start))
        assert start not in finished or start >= self.log_end

    @invariant()
    def each_record_is_where_the_model_has_it(self) -> None:
        states = {
            offset: batch.state
            for batch in self.partition.batches()
            for offset in range(batch.first_offset, batch.last_offset + 1)
        }
        for offset, state in states.items():
            if state is RecordState.ACKNOWLEDGED:
                assert offset in self.accepted
            elif state is RecordState.ARCHIVED:
                assert offset in self.archived
            else:
                assert offset not in self.accepted | self.archived
        assert self.partition.in_flight <= LIMITS.partition_max_record_locks + 3 * 12


SharePartitionMachine.TestCase.settings = settings(stateful_step_count=40)
TestSharePartition = SharePartitionMachine.TestCase

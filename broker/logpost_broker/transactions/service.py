"""The transaction coordinator of a running broker: the pure core, its journal, and the markers.

A client is answered when the journal is durable. The end of a transaction goes in three steps, each durable before the
next: its decision into the journal, the markers into all its partitions, its completion into the journal. What a crash
or a full disk leaves in between is taken up again at the start, and every second.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.journal import SNAPSHOT_BYTES, Journal
from logpost_broker.errors import ApiError
from logpost_broker.groups.service import GroupService
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.steps import in_parts
from logpost_broker.transactions.coordinator import TransactionCoordinator
from logpost_broker.transactions.events import Event, TransactionStored
from logpost_broker.transactions.journal import TransactionJournalFormat
from logpost_broker.transactions.limits import TransactionLimits
from logpost_broker.transactions.markers import Markers
from logpost_broker.transactions.messages import Add, End, Init, Outcome
from logpost_broker.transactions.verification import Verification

SCAN_SECONDS = 1.0
"""How much later than its timeout a transaction is aborted, at most."""
FORGET_EVERY = 60
"""How many scans later ids are looked for that nobody uses: of a week, it is no matter."""
IDS_AT_ONCE = 100
"""Whose changes one write journals."""

logger = logging.getLogger("broker")


class TransactionService:
    def __init__(
        self,
        partitions: Partitions,
        groups: GroupService,
        limits: TransactionLimits | None = None,
        snapshot_bytes: int = SNAPSHOT_BYTES,
    ) -> None:
        self._partitions = partitions
        self.core = TransactionCoordinator(limits or TransactionLimits(), partitions.producer_ids.take)
        """Whose state others read; calls of this service change it."""
        self._journal = Journal(partitions, TransactionJournalFormat(), self.core.snapshot, snapshot_bytes)
        partitions.metrics.watch_state("transactions", lambda: self._journal.state_bytes)
        self.markers = Markers(partitions, groups)
        self._completing: dict[str, asyncio.Task[None]] = {}
        """Transactional id → the writing of its markers."""
        self._scanning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Replay the journal, and complete what was decided before a crash."""
        for event in self._journal.replay():
            self.core.apply(event)
        await self._adopt_open_transactions()
        await self._complete_all(self.core.prepared())
        self._scanning = asyncio.create_task(self._scan_forever())

    async def _adopt_open_transactions(self) -> None:
        """A crash may have taken the adding of a partition and left what was written there. Then the partition is added
        again, or, when nobody can commit it any more, its part is aborted: else it would hide others' records for
        ever."""
        for log in list(self._partitions.logs):
            name, _, partition = log.directory.name.rpartition("-")
            place = name, int(partition)
            for open_ in log.open_transactions:
                producer = ProducerIdentity(open_.producer_id, open_.epoch)
                try:
                    outcome = self.core.adopt(producer, place, self._partitions.now_ms())
                    if outcome is not None:
                        self._record(outcome)
                        continue
                    logger.warning("aborting what producer %d left open in %s", open_.producer_id, log.directory.name)
                    epoch = self._partitions.logs.leader_epoch
                    await self.markers.write(place, producer, coordinator_epoch=epoch, commit=False)
                except ApiError as error:
                    logger.error("a transaction stays open in %s: %s", log.directory.name, error)

    async def stop(self) -> None:
        self._journal.stop()
        if self._scanning is not None:
            self._scanning.cancel()
            await asyncio.wait([self._scanning, *self._completing.values()])

    # For clients

    async def init(self, request: Init) -> ProducerIdentity:
        """Raises ApiError: what TransactionCoordinator.init raises, COORDINATOR_NOT_AVAILABLE also for a new id where
        the journal is full."""
        if self._journal.is_full and self.core.describe(request.transactional_id) is None:
            raise ApiError(ErrorCode.coordinator_not_available, "transactions hold as much as they may")
        outcome = await self._decide(lambda now_ms: self.core.init(request, now_ms))
        if outcome.code is not ErrorCode.none:
            await self._complete_all(outcome.events)
            outcome = await self._decide(lambda now_ms: self.core.init(request, now_ms))
        if outcome.producer is None:
            raise ApiError(outcome.code, "the transaction of an earlier producer is being aborted")
        return outcome.producer

    async def add(self, request: Add) -> None:
        """Raises ApiError: what TransactionCoordinator.add raises, COORDINATOR_NOT_AVAILABLE."""
        await self._decide(lambda now_ms: self.core.add(request, now_ms))

    def verify(self, request: Add, verification: Verification) -> None:
        """Before something is written in a transaction. What this adds need not be durable before that is written:
        whatever decides the transaction stands behind it in the journal, and after a crash an open transaction is found
        in the partition's own log. Raises ApiError, in the codes of `verification`."""
        try:
            if verification is Verification.ADDS:
                self._record(self.core.add(request, self._partitions.now_ms()))
            elif self.core.missing(request):
                raise ApiError(verification.code_where_missing, "the partition was not added to the transaction")
        except ApiError as error:
            raise ApiError(verification.translated(error.code), error.message) from error

    async def end(self, request: End) -> ProducerIdentity:
        """Who the client is from now on. Its markers are written by then, unless a log cannot be written just now.
        Raises ApiError: what TransactionCoordinator.end raises, COORDINATOR_NOT_AVAILABLE."""
        outcome = await self._decide(lambda now_ms: self.core.end(request, now_ms))
        await self._complete_all(outcome.events)
        assert outcome.producer is not None
        return outcome.producer

    async def _decide(self, decide: Callable[[int], Outcome]) -> Outcome:
        """Decide and journal now; return when that is durable."""
        outcome = decide(self._partitions.now_ms())
        self._record(outcome)
        await self._settled()
        return outcome

    def _record(self, outcome: Outcome) -> None:
        """Raises ApiError COORDINATOR_NOT_AVAILABLE, and then nothing has changed."""
        if not outcome.events:
            return
        try:
            self._journal.append(outcome.events)
        except ApiError as error:
            logger.error("cannot journal a change of transactional id %s: %s", _id_of(outcome.events), error)
            raise ApiError(ErrorCode.coordinator_not_available, "the transaction's state cannot be written") from error
        for event in outcome.events:
            self.core.apply(event)
        self._journal.snapshot_if_due()

    async def _settled(self) -> None:
        if self._journal.durable is None:
            return
        try:
            await asyncio.shield(self._journal.durable)
        except ApiError as error:
            raise ApiError(ErrorCode.coordinator_not_available, "the transaction's state is not durable") from error

    # Markers

    async def _complete_all(self, events: Iterable[Event]) -> None:
        """Complete those whose end is decided. What fails is logged, and tried again by the next scan."""
        prepared = [event for event in events if isinstance(event, TransactionStored) and event.state.is_prepared]
        await asyncio.gather(*(self._completed(transaction) for transaction in prepared))

    async def _completed(self, transaction: TransactionStored) -> None:
        """Who asks while it is being completed waits for the same markers."""
        transactional_id = transaction.transactional_id
        task = self._completing.get(transactional_id)
        if task is None:
            if self.core.describe(transactional_id) != transaction:
                return  # It was completed since it was decided.
            task = self._completing[transactional_id] = asyncio.create_task(self._complete(transaction))
            task.add_done_callback(lambda _: self._completing.pop(transactional_id))
        await asyncio.shield(task)

    async def _complete(self, transaction: TransactionStored) -> None:
        transactional_id = transaction.transactional_id
        try:
            await self.markers.write_all(transaction)
            # Durable too before the client goes on: a marker that is written again must not end what comes next.
            await self._decide(lambda now_ms: self.core.complete(transactional_id, now_ms))
        except ApiError as error:
            logger.error("the transaction of %s cannot be completed now: %s", transactional_id, error)

    # In the background

    async def _scan_forever(self) -> None:
        for seconds in itertools.count(1):
            await asyncio.sleep(SCAN_SECONDS)
            try:
                await self.scan()
                if not seconds % FORGET_EVERY:
                    await self.forget_unused()
            except ApiError as error:
                logger.error("cannot end what has timed out: %s", error)
            except Exception:  # A bug. The other transactions have their timeouts all the same.
                logger.exception("the scan for transactions that have timed out failed")

    async def scan(self) -> None:
        """Abort what has timed out, and complete what is decided. Raises ApiError COORDINATOR_NOT_AVAILABLE."""
        await self._go_through(self.core.begun(), self.core.abort_late)
        # What is decided from here on may not be durable when the journal has settled: the next scan takes it up.
        prepared = self.core.prepared()
        await self._settled()
        await self._complete_all(prepared)

    async def forget_unused(self) -> None:
        """Raises ApiError COORDINATOR_NOT_AVAILABLE."""
        await self._go_through(self.core.ids(), self.core.forget_unused)

    async def _go_through(self, ids: Sequence[str], decide: Callable[[Sequence[str], int], Outcome]) -> None:
        async for some in self._partitions.turns.each(in_parts(ids, IDS_AT_ONCE)):
            self._record(decide(some, self._partitions.now_ms()))


def _id_of(events: Sequence[Event]) -> str:
    return events[0].transactional_id

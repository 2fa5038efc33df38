"""Open and aborted transactions of a log: the last stable offset, what readers pass over, restarts and crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.aborted_transactions import AbortedTransaction, AbortedTransactions
from logpost_broker.log.batch import TRANSACTIONAL
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch
from logpost_broker.log.recovery import LastKnown
from logpost_broker.log.transactions import OpenTransaction, PartitionTransactions
from tests.broker.log.compacting import DAY_MS, compact, put, roll
from tests.broker.log.logs import NOW_MS, append, changed, close_cleanly, idempotent, open_log, sync

FIRST, SECOND = 7, 8


def write(log: PartitionLog, producer_id: int, sequence: int = 0, epoch: int = 0) -> int:
    """One record in a transaction; answers its offset."""
    batch = changed(
        build_batch([(None, b"v")], NOW_MS),
        attributes=TRANSACTIONAL,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )
    return log.append(batch, now_ms=NOW_MS).base_offset


def end(log: PartitionLog, producer_id: int, *, commit: bool, epoch: int = 0) -> int:
    return log.append_marker(producer_id, epoch, 0, commit=commit, now_ms=NOW_MS).base_offset


def lived(directory: Path) -> PartitionLog:
    """Committed at 0, aborted at 2 with something between, open at 6."""
    log = open_log(directory)
    write(log, FIRST)
    end(log, FIRST, commit=True)
    write(log, FIRST, 1)
    append(log, b"between")
    write(log, FIRST, 2)
    end(log, FIRST, commit=False)
    write(log, SECOND)
    append(log, b"hidden")
    sync(log)
    return log


def check(log: PartitionLog) -> None:
    assert log.open_transactions == [OpenTransaction(SECOND, 0, 6)]
    assert (log.last_stable_offset, log.high_watermark) == (6, 8)
    data, aborted = log.read_committed(0, 1 << 20)
    assert len(data) < len(log.read(0, 1 << 20))
    assert aborted == [AbortedTransaction(FIRST, 2, 5)]
    assert log.read_committed(6, 1 << 20) == (b"", [])
    end(log, SECOND, commit=True)
    sync(log)
    assert log.last_stable_offset == log.high_watermark == 9


def test_readers_of_committed_records_stop_at_the_first_open_transaction(tmp_path: Path) -> None:
    check(lived(tmp_path))


def test_transactions_are_known_after_a_clean_end(tmp_path: Path) -> None:
    check(open_log(tmp_path, known=close_cleanly(lived(tmp_path))))


@pytest.mark.parametrize("checkpoint", [True, False])
def test_transactions_are_known_after_a_crash(tmp_path: Path, checkpoint: bool) -> None:
    log = lived(tmp_path)
    sync(log, checkpoint=checkpoint)
    log.close()
    check(open_log(tmp_path))


def test_a_torn_snapshot_is_not_believed(tmp_path: Path) -> None:
    log = lived(tmp_path)
    sync(log, checkpoint=True)
    log.close()
    [saved] = tmp_path.glob("*.snapshot")
    saved.write_bytes(saved.read_bytes()[:-1])
    check(open_log(tmp_path))


def test_a_transaction_is_open_to_consumers_until_its_marker_is_on_the_disk(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, FIRST)
    append(log, b"behind it")
    sync(log)
    end(log, FIRST, commit=False)
    assert (log.last_stable_offset, log.high_watermark) == (0, 2)
    sync(log)
    assert log.last_stable_offset == 3


def test_what_was_aborted_is_forgotten_when_compaction_took_its_marker(tmp_path: Path) -> None:
    """A consumer would pass over all that the producer writes, waiting for it."""
    log = open_log(tmp_path)
    write(log, FIRST)
    end(log, FIRST, commit=False)
    write(log, FIRST, 1)  # the last batch of a producer stays, and with it the marker of its transaction
    end(log, FIRST, commit=True)
    put(log, (b"k", b"v"))
    roll(log)
    assert log.transactions.aborted(0, 10) == [AbortedTransaction(FIRST, 0, 1)]
    compact(log, now_ms=NOW_MS)
    assert log.transactions.aborted(0, 10) == []
    compact(log, now_ms=NOW_MS + 2 * DAY_MS)
    log.close()
    again = open_log(tmp_path, known=LastKnown(is_compacted=True))
    assert again.transactions.aborted(0, 10) == []


def all_of(*aborted: AbortedTransaction) -> AbortedTransactions:
    found = AbortedTransactions()
    for one in aborted:
        found.append(one)
    return found


def test_aborted_transactions_are_forgotten_with_their_records() -> None:
    aborted = all_of(AbortedTransaction(FIRST, 0, 3), AbortedTransaction(FIRST, 4, 9))
    transactions = PartitionTransactions([], aborted.packed())
    transactions.forget_before(4)
    assert transactions.aborted(0, 100) == [AbortedTransaction(FIRST, 4, 9)]
    assert transactions.aborted(0, 4) == []


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30))),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.booleans(),
)
def test_aborted_transactions_are_those_with_records_in_between(
    ends: list[tuple[int, int]], start: int, end: int, forgotten: int, is_loaded: bool
) -> None:
    """Of one that is longer than others the marker may come far behind."""
    at = 0
    expected = []
    for distance, length in ends:
        at += distance
        expected.append(AbortedTransaction(FIRST, max(0, at - length), at))
    found = all_of(*expected)
    if is_loaded:
        found = AbortedTransactions(found.packed())
    found.forget_before(forgotten)
    expected = [each for each in expected if each.last_offset >= forgotten]
    assert len(found) == len(expected)
    assert found.between(start, end) == [
        each for each in expected if each.last_offset >= start and each.first_offset < end
    ]
    assert found.end_between(start, end) == any(start <= each.last_offset < end for each in expected)
    found.keep(lambda offset: offset % 2 == 0)
    assert found.between(0, 100) == [each for each in expected if each.last_offset % 2 == 0]


def test_who_reads_a_few_of_many_that_were_aborted_is_told_of_those_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log may have a million, and to make all of them for each fetch would take seconds."""
    log = open_log(tmp_path)
    for number in range(100):
        write(log, FIRST, number)
        end(log, FIRST, commit=False)
    sync(log)
    made: list[AbortedTransaction] = []

    def counted(*entry: int) -> AbortedTransaction:
        made.append(AbortedTransaction(*entry))
        return made[-1]

    monkeypatch.setattr("logpost_broker.log.aborted_transactions.AbortedTransaction", counted)
    data, aborted = log.read_committed(0, 1)
    assert (len(data) > 0, aborted, made) == (True, [AbortedTransaction(FIRST, 0, 1)], aborted)


@pytest.mark.parametrize(
    "data", [b"\0" * 7, b"\xff" * 8, PartitionTransactions([OpenTransaction(1, 0, 0)]).saved() + b"\0"]
)
def test_what_are_no_transactions_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="the transactions of a snapshot"):
        PartitionTransactions.from_saved(data)


def test_a_marker_of_a_newer_epoch_fences_what_comes_late(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, FIRST)
    end(log, FIRST, commit=False, epoch=1)
    known = close_cleanly(log)
    log = open_log(tmp_path, known=known)
    with pytest.raises(ApiError) as refused:
        write(log, FIRST, 1)
    assert refused.value.code is ErrorCode.invalid_producer_epoch
    assert write(log, FIRST, 0, epoch=1) == 2


def test_a_batch_outside_the_open_transaction_of_its_producer_is_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, FIRST)
    with pytest.raises(ApiError) as raised:
        log.append(idempotent(FIRST, 1, [b"outside"]), now_ms=NOW_MS)
    assert raised.value.code is ErrorCode.invalid_txn_state
    assert log.append(idempotent(SECOND, 0, [b"of another"]), now_ms=NOW_MS).base_offset == 1
    end(log, FIRST, commit=True)
    assert log.append(idempotent(FIRST, 1, [b"after it"]), now_ms=NOW_MS).base_offset == 3
    log.close()

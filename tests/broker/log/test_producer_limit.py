"""Of more producers than a log may remember, it forgets the same ones before a restart and after it, and none that is
in a transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.producers import EXPIRATION_MS
from tests.broker.log.logs import NOW_MS, close_cleanly, idempotent, open_log, sync
from tests.broker.log.test_transactions import FIRST, end, write

MOST = 10
MODULES = ("producers", "recovery")
"""Where the limit is looked at."""


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setattr(f"logpost_broker.log.{module}.MAX_PRODUCERS_OF_PARTITION", MOST)


def many(log: PartitionLog, first: int, count: int) -> None:
    """A batch of each of these producers, each a millisecond after the one before."""
    for producer_id in range(first, first + count):
        log.append(idempotent(producer_id, 0, [b"v"]), now_ms=NOW_MS + producer_id)


def ids(log: PartitionLog) -> list[int]:
    return [producer_id for producer_id, _ in log.producers]


def is_known(log: PartitionLog, producer_id: int, sequence: int) -> bool:
    return log.append(idempotent(producer_id, sequence, [b"v"]), now_ms=NOW_MS).duplicate


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_producer_in_a_transaction_is_never_forgotten(tmp_path: Path, checkpoint: bool) -> None:
    """What it sends again would else be written twice, and committed."""
    log = open_log(tmp_path)
    offset = write(log, FIRST)
    many(log, 100, 2 * MOST)
    log.producers.keep_newest(0, log.transactions.open)
    log.producers.expire(NOW_MS + 2 * EXPIRATION_MS, log.transactions.open)
    assert ids(log) == [FIRST]
    many(log, 200, 2 * MOST)
    sync(log, checkpoint=checkpoint)
    log.close()
    log = open_log(tmp_path)
    many(log, 300, 2 * MOST)
    assert write(log, FIRST) == offset
    end(log, FIRST, commit=True)
    many(log, 400, 2 * MOST)
    assert FIRST not in ids(log)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_crash_makes_it_forget_no_others(tmp_path: Path, checkpoint: bool) -> None:
    """A restart reads the batches again, all within the same millisecond."""
    log = open_log(tmp_path)
    many(log, 0, MOST - 1)
    log.append(idempotent(0, 1, [b"v"]), now_ms=NOW_MS + MOST)
    sync(log, checkpoint=checkpoint)
    many(log, 100, 3)
    sync(log)
    before = ids(log)
    assert 0 in before
    log.close()
    log = open_log(tmp_path)
    assert ids(log) == before
    assert is_known(log, 0, 1)


def test_no_more_come_back_from_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a release that had no limit, or had another."""
    log = open_log(tmp_path)
    write(log, FIRST)
    many(log, 100, MOST - 1)
    known = close_cleanly(log)
    monkeypatch.setattr("logpost_broker.log.recovery.MAX_PRODUCERS_OF_PARTITION", 5)
    assert ids(open_log(tmp_path, known=known)) == [FIRST, *range(105, 109)]

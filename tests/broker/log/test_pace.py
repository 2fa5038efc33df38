"""What takes long in a recovery says that it gets on, and can be ended there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logpost_broker.log import pace
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.segment import RollLimits
from tests.broker.log.logs import NOW_MS, append, close_cleanly, open_log, values_from

BATCHES = 40


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LastKnown:
    """A log in one segment, closed in order."""
    monkeypatch.setattr(pace, "ADVANCE_BYTES", 2000)
    log = open_log(tmp_path)
    for number in range(BATCHES):
        append(log, b"%d" % number + b"." * 300)
    return close_cleanly(log)


class EndedError(Exception):
    pass


def killed(_: Path, known: LastKnown) -> LastKnown:
    return LastKnown()


def without_snapshot(directory: Path, known: LastKnown) -> LastKnown:
    for snapshot in directory.glob("*.snapshot"):
        snapshot.unlink()
    return known


def without_index(directory: Path, known: LastKnown) -> LastKnown:
    for index in directory.glob("*.timeindex"):
        index.unlink()
    return known


@pytest.mark.parametrize("lose", [killed, without_snapshot, without_index])
def test_one_large_segment(tmp_path: Path, clean: LastKnown, lose: Callable[[Path, LastKnown], LastKnown]) -> None:
    known = lose(tmp_path, clean)
    said: list[int] = []

    def end_at_the_third() -> None:
        said.append(1)
        if len(said) == 3:
            raise EndedError

    log = PartitionLog(tmp_path, Files(), RollLimits(), leader_epoch=3)
    with pytest.raises(EndedError):
        recover(log, known, now_ms=NOW_MS, advance=end_at_the_third)
    log.close()
    again = open_log(tmp_path, known=known)
    assert len(values_from(again, 0)) == BATCHES
    again.close()

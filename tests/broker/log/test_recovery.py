"""What a crash leaves and what is made of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from logpost_broker.log.cleaned_transactions import ABORT
from logpost_broker.log.recovery import LastKnown
from logpost_broker.log.time_lookup import first_at_or_after
from tests.broker.log.compacting import batch_of, marker
from tests.broker.log.logs import NOW_MS, append, close_cleanly, idempotent, open_log, sync, values_from

VALUES = [b"%d" % number + b"." * 500 for number in range(40)]


def filled(directory: Path, *, segment_bytes: int = 1 << 20) -> None:
    log = open_log(directory, segment_bytes=segment_bytes)
    for value in VALUES:
        append(log, value)
    log.close()


def test_a_batch_torn_anywhere_is_cut_and_the_log_goes_on(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    log = open_log(whole)
    append(log, b"kept")
    kept = log.size_bytes
    append(log, b"torn")
    size = log.size_bytes
    log.close()
    for cut in range(kept, size):
        torn = tmp_path / f"torn-{cut}"
        shutil.copytree(whole, torn)
        with (torn / "00000000000000000000.log").open("r+b") as file:
            file.truncate(cut)
        log = open_log(torn)
        assert log.next_offset == 1
        assert append(log, b"after") == 1
        sync(log)
        assert values_from(log, 0) == [b"kept", b"after"]
        log.close()


def test_zeros_that_a_power_cut_left_are_cut(tmp_path: Path) -> None:
    filled(tmp_path)
    with (tmp_path / "00000000000000000000.log").open("ab") as file:
        file.write(bytes(10_000))
    log = open_log(tmp_path)
    assert log.next_offset == len(VALUES)
    assert values_from(log, 0) == VALUES
    log.close()


def test_a_flipped_bit_behind_the_recovery_point_is_never_served(tmp_path: Path) -> None:
    filled(tmp_path)
    with (tmp_path / "00000000000000000000.log").open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"!")
    log = open_log(tmp_path)
    assert values_from(log, 0) == VALUES[:-1]
    log.close()


def test_only_what_is_not_known_to_be_synced_is_checked(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for value in VALUES[:30]:
        append(log, value)
    sync(log, checkpoint=True)
    known = LastKnown(recovery_point=log.recovery_point)
    for value in VALUES[30:]:
        append(log, value)
    log.close()
    with (tmp_path / "00000000000000000000.log").open("r+b") as file:
        file.seek(100)
        file.write(b"!")  # a damage far below the recovery point is `verify`'s to find
    log = open_log(tmp_path, known=known)
    assert log.next_offset == len(VALUES)
    log.close()


@pytest.mark.parametrize("name", ["00000000000000000000.index", "00000000000000000000.timeindex"])
@pytest.mark.parametrize("content", [b"", b"\xff" * 64, bytes(96)])
def test_a_wrong_index_is_written_again(tmp_path: Path, name: str, content: bytes) -> None:
    filled(tmp_path)
    right = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    log = open_log(tmp_path)
    assert log.next_offset == len(VALUES)
    assert [values_from(log, offset, 1) for offset in range(len(VALUES))] == [[value] for value in VALUES]
    log.close()
    assert (tmp_path / name).read_bytes()[: len(right)] == right


def test_a_missing_index_of_an_old_segment_is_written_again(tmp_path: Path) -> None:
    filled(tmp_path, segment_bytes=9000)
    right = (tmp_path / "00000000000000000000.index").read_bytes()
    (tmp_path / "00000000000000000000.index").unlink()
    log = open_log(tmp_path, segment_bytes=9000, known=LastKnown(clean=True))
    assert (tmp_path / "00000000000000000000.index").read_bytes() == right != b""
    log.close()


def test_segments_behind_a_torn_one_are_dropped(tmp_path: Path) -> None:
    filled(tmp_path, segment_bytes=9000)
    segments = sorted(tmp_path.glob("*.log"))
    assert len(segments) == 3
    with segments[1].open("r+b") as file:
        file.truncate(segments[1].stat().st_size - 1)
    log = open_log(tmp_path, segment_bytes=9000)
    assert log.next_offset == int(segments[2].stem) - 1
    assert sorted(tmp_path.glob("*.log")) == segments[:2]
    log.close()


def test_segments_below_the_log_start_that_a_crash_left_are_deleted(tmp_path: Path) -> None:
    filled(tmp_path, segment_bytes=9000)
    second = sorted(tmp_path.glob("*.log"))[1]
    log = open_log(tmp_path, segment_bytes=9000, known=LastKnown(log_start_offset=int(second.stem) + 1))
    assert log.log_start_offset == int(second.stem) + 1
    assert min(tmp_path.glob("*.log")) == second
    log.close()


def test_a_log_emptied_by_its_log_start_goes_on_there(tmp_path: Path) -> None:
    log = open_log(tmp_path, known=LastKnown(log_start_offset=100))
    assert (log.log_start_offset, append(log, b"v")) == (100, 100)
    log.close()


def test_times_are_found_in_every_segment_after_a_crash_and_a_restart(tmp_path: Path) -> None:
    filled(tmp_path, segment_bytes=9000)
    log = open_log(tmp_path, segment_bytes=9000)
    log = open_log(tmp_path, segment_bytes=9000, known=close_cleanly(log))
    found = first_at_or_after(log, NOW_MS)
    assert found is not None
    assert found.offset == 0
    log.close()


@pytest.mark.parametrize("with_checkpoint", [True, False])
def test_a_producer_that_sends_again_after_a_crash_is_recognised(tmp_path: Path, with_checkpoint: bool) -> None:
    log = open_log(tmp_path)
    batches = [idempotent(7, sequence, [b"%d" % sequence]) for sequence in range(8)]
    for number, batch in enumerate(batches):
        log.append(batch, now_ms=NOW_MS)
        if with_checkpoint and number == 5:
            sync(log, checkpoint=True)
    known = LastKnown(recovery_point=log.recovery_point)
    log.close()
    log = open_log(tmp_path, known=known)
    for sequence in range(3, 8):
        assert log.append(batches[sequence], now_ms=NOW_MS).duplicate, sequence
    assert log.append(idempotent(7, 8, [b"8"]), now_ms=NOW_MS).base_offset == 8
    log.close()


def test_a_producer_that_sends_again_after_a_clean_restart_is_recognised(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    batches = [idempotent(7, sequence, [b"%d" % sequence]) for sequence in range(5)]
    for batch in batches:
        log.append(batch, now_ms=NOW_MS)
    log = open_log(tmp_path, known=close_cleanly(log))
    assert all(log.append(batch, now_ms=NOW_MS).duplicate for batch in batches)
    log.close()


def test_a_snapshot_of_offsets_that_the_log_lost_is_not_used(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(idempotent(7, 0, [b"kept"]), now_ms=NOW_MS)
    kept = log.size_bytes
    log.append(idempotent(7, 1, [b"lost"]), now_ms=NOW_MS)
    sync(log, checkpoint=True)
    log.close()
    with (tmp_path / "00000000000000000000.log").open("r+b") as file:
        file.truncate(kept)
    log = open_log(tmp_path)
    assert log.append(idempotent(7, 1, [b"again"]), now_ms=NOW_MS).base_offset == 1
    log.close()


def test_a_damaged_snapshot_costs_a_reading_of_the_log(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    batch = idempotent(7, 0, [b"v"])
    log.append(batch, now_ms=NOW_MS)
    known = close_cleanly(log)
    [snapshot] = tmp_path.glob("*.snapshot")
    snapshot.write_bytes(b"garbage")
    log = open_log(tmp_path, known=known)
    assert log.append(batch, now_ms=NOW_MS).duplicate
    log.close()


def test_a_log_whose_start_is_behind_the_end_of_a_transaction_is_opened(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(batch_of([(b"a", b"v")], producer=7, transactional=True), now_ms=NOW_MS)
    log.append(marker(7, ABORT), now_ms=NOW_MS)
    append(log, b"kept")
    sync(log)
    log.truncate_prefix(2)
    log.close()
    log = open_log(tmp_path, known=LastKnown(log_start_offset=2))
    assert values_from(log, 2) == [b"kept"]
    assert (log.transactions.open, log.transactions.aborted(0, 9)) == ({}, [])

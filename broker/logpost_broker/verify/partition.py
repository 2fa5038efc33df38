"""One partition's directory: its segments in order, its snapshots, and what else lies there."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from logpost_broker.log.producers import ProducerStates
from logpost_broker.log.transactions import PartitionTransactions
from logpost_broker.metadata.checkpoints import PARTITION_METADATA, partition_metadata, topic_id_of
from logpost_broker.verify.report import Severity
from logpost_broker.verify.segment import PartitionState, SegmentCheck

LOG_NAME = re.compile(r"\d{20}\.log")
EXPECTED_NAME = re.compile(r"\d{20}\.(log|index|timeindex|txnindex|snapshot)")
UNFINISHED = (".tmp", ".cleaned", ".swap", ".deleted")
"""What a crash leaves of a file that was to be replaced or removed."""
OTHER_NAMES = frozenset({PARTITION_METADATA, "leader-epoch-checkpoint"})


def check_partition(state: PartitionState, directory: Path, topic_id: uuid.UUID) -> None:
    """Fill `state.report`."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        if not state.online:  # deleted just now
            raise
        return
    _check_id(state, directory, topic_id)
    bases = [int(name.removesuffix(".log")) for name in names if LOG_NAME.fullmatch(name)]
    for base, following in zip(bases, [*bases[1:], None], strict=True):
        _check_segment(state, directory, base, following)
    state.report.next_offset = state.next_offset or 0
    _check_offsets(state)
    for name in names:
        _check_name(state, directory / name, bases)


def _check_segment(state: PartitionState, directory: Path, base: int, following: int | None) -> None:
    try:
        SegmentCheck(state, directory, base, following).run()
    except FileNotFoundError:
        if not state.online:
            raise
        # Deleted by retention since the directory was listed.
        state.next_offset = following if following is not None else state.next_offset
    except OSError as error:
        state.report.findings.add(
            "error",
            f"{state.name}/{base:020d}.log",
            f"cannot be read: {error.strerror or error}",
            "look at the kernel's log for errors of the disk, and copy what can still be read",
        )
        state.next_offset = following if following is not None else state.next_offset
        state.sequences.forget()


def _check_id(state: PartitionState, directory: Path, topic_id: uuid.UUID) -> None:
    path = directory / PARTITION_METADATA
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if state.online:  # the topic is being deleted
            return
        what = "is missing"
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    else:
        if data == partition_metadata(topic_id):
            return
        found = topic_id_of(data)
        what = "makes no sense" if found is None else f"names topic {found}, the metadata file says {topic_id}"
    advice = "stop the broker and delete it: the next start writes it again"
    state.report.findings.add("error", f"{state.name}/{PARTITION_METADATA}", what, advice)


def _check_offsets(state: PartitionState) -> None:
    """The checkpoints against the log, and the gaps of a compacted topic."""
    report, findings = state.report, state.report.findings
    if report.recovery_point > report.next_offset:
        findings.add(
            "error",
            state.name,
            f"offsets {report.next_offset} to {report.recovery_point - 1} were on the disk and are gone",
            "look for a file or directory that was moved or deleted; a backup or the producers may have these records",
            offset=report.next_offset,
        )
    if report.log_start_offset > max(report.next_offset, report.recovery_point):
        findings.add(
            "error",
            state.name,
            f"the log starts at {report.log_start_offset}, behind its end {report.next_offset}",
            "look for a file or directory that was moved or deleted",
        )
    if state.compacted and state.gaps:
        findings.add(
            "note", state.name, f"{state.gaps} gaps hold {state.missing_offsets} offsets: the topic is compacted"
        )


def _check_name(state: PartitionState, path: Path, bases: list[int]) -> None:
    name = f"{state.name}/{path.name}"
    if path.suffix == ".snapshot" and EXPECTED_NAME.fullmatch(path.name):
        _check_snapshot(state, path)
    elif path.suffix in UNFINISHED:
        severity: Severity = "note" if state.online else "warning"
        state.report.findings.add(
            severity, name, "was left by a crash or is being written", "the broker finishes or removes it"
        )
    elif EXPECTED_NAME.fullmatch(path.name):
        if int(path.stem) not in bases and not state.online:
            what = "belongs to no segment"
            state.report.findings.add("warning", name, what, "delete it when the broker is stopped")
    elif path.name not in OTHER_NAMES:
        what = "is no file of a broker's"
        state.report.findings.add("warning", name, what, "move it elsewhere when the broker is stopped")


def _check_snapshot(state: PartitionState, path: Path) -> None:
    try:
        _, transactions = ProducerStates.from_snapshot(path.read_bytes())
        PartitionTransactions.from_saved(transactions)
    except FileNotFoundError:  # the broker keeps the newest two
        if not state.online:
            raise
    except ValueError as error:
        advice = "delete it when the broker is stopped: the next start reads the log instead"
        state.report.findings.add("error", f"{state.name}/{path.name}", str(error), advice)

"""One segment: its batches against their CRCs, their order and its indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from logpost_broker.log.batch import CONTROL, Buffer
from logpost_broker.log.records import records_of
from logpost_broker.log.segment import file_stem
from logpost_broker.log.walk import CHUNK_BYTES, Damage, Found, SegmentWalk
from logpost_broker.verify.indexes import OffsetIndexCheck, TimeIndexCheck
from logpost_broker.verify.report import PartitionReport, Severity
from logpost_broker.verify.sequences import Sequences

KEEP_A_COPY = "copy the partition's directory before anything else; a backup or the producers may have these records"
REBUILD = "stop the broker and delete {stem}.index and {stem}.timeindex: the next start writes them again"


@dataclass(slots=True, kw_only=True)
class PartitionState:
    """What is known of a partition before the walk, and where the walk is."""

    report: PartitionReport
    online: bool
    clean: bool
    compacted: bool
    """Offsets may be missing."""
    keyed: bool
    """Each record needs a key."""
    deep: bool
    on_read: Callable[[int], None]
    next_offset: int | None = None
    """Expected of the next batch; None before the first segment."""
    gaps: int = 0
    missing_offsets: int = 0
    sequences: Sequences = field(default_factory=Sequences)
    buffer: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES))

    @property
    def name(self) -> str:
        return f"{self.report.topic}-{self.report.partition}"

    @property
    def is_past_recovery_point(self) -> bool:
        """Whether the walk is where the next start checks every batch anyway."""
        return not self.clean and (self.next_offset or 0) >= self.report.recovery_point


class SegmentCheck:
    def __init__(self, state: PartitionState, directory: Path, base_offset: int, following: int | None) -> None:
        """`following`: the base offset of the next segment, None of the last."""
        self._state = state
        self._findings = state.report.findings
        self._stem = file_stem(base_offset)
        self._path = directory / f"{self._stem}.log"
        self._base_offset = base_offset
        self._following = following
        self._damage: Damage | None = None
        self._damaged = False

    @property
    def _file(self) -> str:
        return f"{self._state.name}/{self._path.name}"

    def run(self) -> None:
        """Raises OSError when the log cannot be read."""
        # Read before the log, whose end an entry of a running broker cannot be behind.
        offsets = OffsetIndexCheck(self._index("index"), self._base_offset)
        times = TimeIndexCheck(self._index("timeindex"), self._base_offset)
        self._begin()
        walk = SegmentWalk(self._path, self._base_offset, on_read=self._state.on_read, buffer=self._state.buffer)
        with walk:
            for piece in walk:
                if isinstance(piece, Damage):
                    self._damage, self._damaged = piece, True
                    continue
                self._batch(walk, piece)
                if not self._damaged:
                    self._index_problems("index", offsets.see(*piece))
                    self._index_problems("timeindex", times.see(piece.header))
        if self._damage is not None:
            self._end_in(self._damage)
        if not self._damaged:
            self._index_problems("index", offsets.end())
            self._index_problems("timeindex", times.end())
        self._state.report.segments += 1
        self._state.report.size_bytes += walk.size_bytes

    def _index(self, suffix: str) -> bytes:
        path = self._path.with_suffix(f".{suffix}")
        try:
            return path.read_bytes()
        except FileNotFoundError:
            if not self._state.online:
                self._findings.add(
                    "warning", f"{self._state.name}/{path.name}", "is missing", "the next start writes it again"
                )
            return b""

    def _begin(self) -> None:
        """Compare the segment's name with where the segment before ended."""
        state = self._state
        if state.next_offset is None or self._base_offset <= state.report.log_start_offset:
            state.next_offset = max(self._base_offset, state.next_offset or 0)
        self._follow(self._base_offset, position=None)

    def _follow(self, offset: int, position: int | None) -> None:
        """Judge that `offset` comes where `state.next_offset` was expected."""
        state = self._state
        assert state.next_offset is not None
        if offset < state.next_offset:
            self._findings.add(
                "error",
                self._file,
                f"offset {offset} comes again, {state.next_offset} was to follow",
                KEEP_A_COPY,
                position=position,
                offset=offset,
            )
        elif offset > state.next_offset:
            state.gaps += 1
            state.missing_offsets += offset - state.next_offset
            if not state.compacted:
                what = f"offsets {state.next_offset} to {offset - 1} are missing"
                self._findings.add("error", self._file, what, KEEP_A_COPY, position=position, offset=state.next_offset)
                state.sequences.forget()
            state.next_offset = offset

    def _batch(self, walk: SegmentWalk, found: Found) -> None:
        state, header = self._state, found.header
        if self._damage is not None:
            self._report_damage(self._damage, header.base_offset)
            self._damage = None
        if self._following is not None and header.last_offset >= self._following:
            what = f"the batch ends at offset {header.last_offset}, the next segment begins at {self._following}"
            self._find("error", what, KEEP_A_COPY, found)
            return
        self._follow(header.base_offset, found.position)
        broken = state.sequences.see(header)
        if broken and not state.compacted:
            advice = "ask the application that wrote it whether records are missing or came twice"
            self._find("warning", broken, advice, found)
        if state.deep:
            self._open(walk.read(found), found)
        state.report.count(
            header.record_count,
            header.size_bytes,
            beyond_recovery_point=not state.clean and header.base_offset >= state.report.recovery_point,
        )
        state.next_offset = max(state.next_offset or 0, header.last_offset + 1)

    def _open(self, batch: Buffer, found: Found) -> None:
        """Decode every record of a batch."""
        header = found.header
        try:
            before = header.base_offset - 1
            for record in records_of(batch):
                if not before < record.offset <= header.last_offset:
                    raise ValueError(f"record {record.offset} is out of order in the batch")
                before = record.offset
                if self._state.keyed and record.key is None and not header.attributes & CONTROL:
                    self._find("warning", f"record {record.offset} has no key", "compaction drops it", found)
        except ValueError as error:
            advice = f"consumers stop here: let them go on at offset {header.last_offset + 1}"
            self._find("error", str(error), advice, found)

    def _find(self, severity: Severity, what: str, advice: str, found: Found) -> None:
        """A problem of one batch."""
        offset = found.header.base_offset
        self._findings.add(severity, self._file, what, advice, position=found.position, offset=offset)

    def _report_damage(self, damage: Damage, until: int | None) -> None:
        """`until`: the offset at which the log goes on."""
        state = self._state
        assert state.next_offset is not None
        what = f"{damage.reason}: {damage.size_bytes} bytes cannot be served"
        if until is not None and until > state.next_offset:
            what += f", offsets {state.next_offset} to {until - 1}"
        self._findings.add("error", self._file, what, KEEP_A_COPY, position=damage.position, offset=state.next_offset)
        state.sequences.forget()
        if until is not None:
            state.next_offset = max(state.next_offset, until)

    def _end_in(self, damage: Damage) -> None:
        """The segment ends in bytes that are no batch."""
        state = self._state
        if self._following is not None or not state.is_past_recovery_point:
            self._report_damage(damage, self._following)
            return
        severity: Severity = "note" if state.online else "warning"
        what = f"{damage.size_bytes} bytes behind the last whole batch: {damage.reason}"
        advice = "the broker writes here just now" if state.online else "the next start cuts them off"
        self._findings.add(severity, self._file, what, advice, position=damage.position, offset=state.next_offset)

    def _index_problems(self, suffix: str, problems: Iterable[str]) -> None:
        is_rewritten = self._state.is_past_recovery_point and not self._state.online
        for what in problems:
            severity: Severity = "warning" if is_rewritten else "error"
            advice = "the next start writes it again" if is_rewritten else REBUILD.format(stem=self._stem)
            self._findings.add(severity, f"{self._state.name}/{self._stem}.{suffix}", what, advice)

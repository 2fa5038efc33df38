"""What a verification found: problems with the place and the remedy, and the sums per partition and topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "note"]
PROBLEMS_KEPT = 50
"""Per partition and severity: a ruined disk must not fill the memory. All are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    severity: Severity
    file: str
    """Below the data directory."""
    position: int | None = None
    """In bytes from the start of the file."""
    offset: int | None = None
    what: str
    advice: str = ""

    def line(self) -> str:
        place = self.file
        if self.position is not None:
            place += f" position {self.position}"
        if self.offset is not None:
            place += f" offset {self.offset}"
        return f"{self.severity.upper()} {place}: {self.what}" + (f"; {self.advice}" if self.advice else "")


class Findings:
    """Problems, the first of each severity kept and all counted."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.counts: dict[Severity, int] = {"error": 0, "warning": 0, "note": 0}

    def add(
        self,
        severity: Severity,
        file: str,
        what: str,
        advice: str = "",
        *,
        position: int | None = None,
        offset: int | None = None,
    ) -> None:
        self.counts[severity] += 1
        if self.counts[severity] <= PROBLEMS_KEPT:
            self.kept.append(
                Problem(severity=severity, file=file, position=position, offset=offset, what=what, advice=advice)
            )

    @property
    def unnamed(self) -> int:
        """Problems that are counted and not kept."""
        return sum(self.counts.values()) - len(self.kept)


@dataclass(slots=True, kw_only=True)
class PartitionReport:
    topic: str
    partition: int
    segments: int = 0
    batches: int = 0
    records: int = 0
    size_bytes: int = 0
    """Of the `.log` files."""
    log_start_offset: int = 0
    next_offset: int = 0
    recovery_point: int = 0
    """Below it the log is known to be on the disk."""
    unsynced_records: int = 0
    unsynced_bytes: int = 0
    """From the recovery point on."""
    findings: Findings = field(default_factory=Findings)

    def count(self, records: int, size_bytes: int, *, beyond_recovery_point: bool) -> None:
        """Add one batch."""
        self.batches += 1
        self.records += records
        if beyond_recovery_point:
            self.unsynced_records += records
            self.unsynced_bytes += size_bytes


@dataclass(slots=True, kw_only=True)
class TopicSums:
    topic: str
    partitions: int = 0
    segments: int = 0
    batches: int = 0
    records: int = 0
    size_bytes: int = 0
    problems: int = 0
    """Errors and warnings."""


@dataclass(slots=True, kw_only=True)
class Report:
    """One run over a data directory."""

    directory: str
    online: bool
    """A broker has the directory open."""
    clean: bool
    """The broker was stopped in order."""
    flush: str
    partitions: list[PartitionReport] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    """What belongs to no partition."""

    def _all_findings(self) -> Iterable[Findings]:
        return (self.findings, *(partition.findings for partition in self.partitions))

    @property
    def problems(self) -> list[Problem]:
        return [problem for findings in self._all_findings() for problem in findings.kept]

    @property
    def unnamed(self) -> int:
        return sum(findings.unnamed for findings in self._all_findings())

    def total(self, severity: Severity) -> int:
        return sum(findings.counts[severity] for findings in self._all_findings())

    def topics(self) -> list[TopicSums]:
        """In the order of their names."""
        sums: dict[str, TopicSums] = {}
        for partition in sorted(self.partitions, key=lambda found: found.topic):
            topic = sums.setdefault(partition.topic, TopicSums(topic=partition.topic))
            topic.partitions += 1
            topic.segments += partition.segments
            topic.batches += partition.batches
            topic.records += partition.records
            topic.size_bytes += partition.size_bytes
            topic.problems += partition.findings.counts["error"] + partition.findings.counts["warning"]
        return list(sums.values())

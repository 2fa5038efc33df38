"""`disk` and `inodes`: whether there is room where the data lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

LOW_SHARE = 0.1
"""Of the disk or of its inodes: less left than that is worth a warning."""
OUT_OF_INODES_SHARE = 0.01
GB = 1e9
ENDS_WITH = {
    "tmpfs": "is in memory: the data is gone with the next start of the host",
    "ramfs": "is in memory: the data is gone with the next start of the host",
    "overlay": "is the container's own: the data is gone with it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemFacts:
    """Of the file system on which `path` lies: bytes and inodes, as a user who is not root may use them. `inodes` is 0
    where it does not count any. `reserve_bytes`: below that the broker refuses producers. `kind`: as `mount` shows."""

    path: str
    total_bytes: int
    free_bytes: int
    inodes: int
    free_inodes: int
    is_read_only: bool
    reserve_bytes: int
    kind: str = ""


def judge(file_systems: Sequence[FileSystemFacts]) -> Iterator[Result]:
    for facts in file_systems:
        yield _room(facts)
        if facts.kind in ENDS_WITH:
            yield warn(
                "disk", f"the file system of {facts.path} {ENDS_WITH[facts.kind]}", "put the data on a disk or volume"
            )
        if facts.inodes:
            yield _inodes(facts)


def _room(facts: FileSystemFacts) -> Result:
    detail = f"{facts.path}: {facts.free_bytes / GB:,.1f} of {facts.total_bytes / GB:,.1f} GB are free"
    if facts.is_read_only:
        return fail("disk", f"the file system of {facts.path} is read-only", "see `dmesg` for why; mount it writable")
    if facts.free_bytes <= facts.reserve_bytes:
        return fail(
            "disk",
            f"{detail}, the reserve (broker.disk_reserve) is {facts.reserve_bytes / GB:,.1f} GB: producers are refused",
            "make room, or let topics keep less: broker.retention, or `retention.bytes` of the largest topic",
        )
    if facts.free_bytes < LOW_SHARE * facts.total_bytes:
        return warn(
            "disk", detail, "make room or add some before it is full; broker.retention decides what topics keep"
        )
    return ok("disk", detail)


def _inodes(facts: FileSystemFacts) -> Result:
    detail = f"{facts.path}: {facts.free_inodes:,} of {facts.inodes:,} inodes are free"
    share = facts.free_inodes / facts.inodes
    if share < OUT_OF_INODES_SHARE:
        return fail(
            "inodes",
            f"{detail}: no file can be made, whatever the room",
            "delete small files: `df -i` and `du --inodes -x /`",
        )
    if share < LOW_SHARE:
        return warn("inodes", detail, "find who makes so many small files: `du --inodes -x / | sort -n`")
    return ok("inodes", detail)

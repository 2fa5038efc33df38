"""Whether clients may still write: a part of the disk is kept free for what must go on when it is full.

Below the reserve produce is refused; group commits, checkpoints and the broker's other own files still have room, and
so has the administrator who comes to clean up. It looks at the free space when that may matter: when LOOK_MS have
passed, or when what was admitted since could have used up what was free. Between the two lines (`reserve_bytes`,
and a sixteenth above) the state stays as it is, so that a disk at the edge does not go on and off with every batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError

LOOK_MS = 1000
"""How old a free space may be that is decided by: what other programs wrote since is not in it."""
LARGEST_SHARE = 20
"""The reserve is at most this part of the file system (a twentieth), so that a small disk can be written at all."""
RESUME_SHARE = 16
"""Writing goes on when this part of the reserve is free above it."""
MIB = 1024 * 1024

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """Of a file system, in bytes."""

    free_bytes: int
    """What this process may still use."""
    total_bytes: int


class DiskReserve:
    def __init__(self, wanted_bytes: int, look: Callable[[], DiskSpace], place: str) -> None:
        """`look` asks the file system; `place` is the directory that messages name. Raises what `look` raises."""
        self.wanted_bytes = wanted_bytes
        self._look_at_disk = look
        self._place = place
        self._space = look()
        self._looked_ms: int | None = None
        self._unaccounted_bytes = 0
        """Admitted since the last look."""
        self.is_refusing = False

    @property
    def reserve_bytes(self) -> int:
        return min(self.wanted_bytes, self._space.total_bytes // LARGEST_SHARE)

    @property
    def resume_bytes(self) -> int:
        """What must be free until writing goes on."""
        return self.reserve_bytes + self.reserve_bytes // RESUME_SHARE

    @property
    def free_bytes(self) -> int:
        """As the file system says now, else as it said last. From any thread."""
        try:
            return self._look_at_disk().free_bytes
        except OSError:
            return self._space.free_bytes

    @property
    def free_share(self) -> float:
        """What is free now, from 0 to 1."""
        return self.free_bytes / max(self._space.total_bytes, 1)

    def admit(self, size_bytes: int, now_ms: int) -> None:
        """Take note of a batch before it is written. Raises ApiError KAFKA_STORAGE_ERROR when the disk has no room but
        the reserve; a Kafka client tries again."""
        if not self.wanted_bytes:
            return
        self._unaccounted_bytes += size_bytes
        if self._has_to_look(now_ms):
            self.look(now_ms)
        if self.is_refusing:
            raise ApiError(ErrorCode.kafka_storage_error, self._explanation())

    def _has_to_look(self, now_ms: int) -> bool:
        if self._looked_ms is None or not 0 <= now_ms - self._looked_ms < LOOK_MS:
            return True
        return not self.is_refusing and self._space.free_bytes - self._unaccounted_bytes < self.reserve_bytes

    def look(self, now_ms: int) -> None:
        """Ask the file system and decide. A file system that does not say is taken to be as it was."""
        self._looked_ms = now_ms
        try:
            self._space = self._look_at_disk()
        except OSError as error:
            logger.error("cannot see how much room %s has: %s", self._place, error.strerror)
            return
        self._unaccounted_bytes = 0
        if not self.is_refusing and self._space.free_bytes < self.reserve_bytes:
            self.is_refusing = True
            logger.error("%s; reading, groups and retention go on", self._explanation())
        elif self.is_refusing and self._space.free_bytes >= self.resume_bytes:
            self.is_refusing = False
            logger.info("producers may write again: %s has %d MiB free", self._place, self._space.free_bytes // MIB)

    def _explanation(self) -> str:
        return (
            f"producers are refused: the file system of {self._place} has {self._space.free_bytes // MIB} MiB free, "
            f"and {self.reserve_bytes // MIB} MiB are reserved (broker.disk_reserve_bytes). "
            f"Free {self._missing_mib} MiB: "
            "shorten a topic's retention.ms or retention.bytes, delete records or topics, or enlarge the disk"
        )

    @property
    def _missing_mib(self) -> int:
        return -(-(self.resume_bytes - self._space.free_bytes) // MIB)

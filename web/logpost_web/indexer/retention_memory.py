"""What retention must know after a start: a small file beside the store."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import msgspec

from logpost.query.errors import QuerySyntaxError
from logpost_web.retention.clock import Believed, Late
from logpost_web.retention.plan import Limits
from logpost_web.retention.rules import Rule, Rules
from logpost_web.store import durable
from logpost_web.store.manifest_table import Chunk
from logpost_web.store.retained import Chosen
from logpost_web.store.room import keep_reserve, with_reserve

FILE = "retention.json"
COPY = "retention-copy.json"
"""The same once more, for when the first is damaged."""
SAVE_MS = 60_000
DRIFT = 0.02
"""By so much `max_bytes` may change without a wait."""

log = logging.getLogger("retention")


class SavedLimits(msgspec.Struct, frozen=True):
    queries: list[tuple[str, int]]
    keep_ms: int
    max_bytes: int

    @classmethod
    def of(cls, limits: Limits) -> SavedLimits:
        rules = limits.rules
        return cls([(rule.query, rule.keep_ms) for rule in rules.rules], rules.keeps[-1], limits.max_bytes)

    def is_nearly(self, other: SavedLimits) -> bool:
        """The same settings, on a file system whose size changed a little."""
        return (self.queries, self.keep_ms) == (other.queries, other.keep_ms) and (
            abs(self.max_bytes - other.max_bytes) <= DRIFT * self.max_bytes
        )

    def limits(self) -> Limits | None:
        """None where another release wrote queries that this one cannot read."""
        with contextlib.suppress(QuerySyntaxError):
            return Limits(Rules([Rule(*one) for one in self.queries], self.keep_ms), self.max_bytes)
        return None


class Pending(msgspec.Struct, frozen=True):
    """Rows that are being dropped, as `retained.Chosen`. `chunks`: lines of the manifest as they were before, and how
    many rows of each were to go."""

    of_class: int
    number: int
    before: int | None
    query: str
    chunks: list[tuple[Chunk, int]]
    partitions: tuple[tuple[str, int], ...] | None = None

    @property
    def chosen(self) -> Chosen:
        return Chosen(self.of_class, self.number, self.before, self.query, self.partitions)


class Floor(msgspec.Struct, frozen=True, array_like=True):
    """Rows of a class, of one partition, had to go for room: `offset` is the last of them."""

    of_class: int
    topic: str
    topic_id: str
    partition: int
    offset: int


class Memory(msgspec.Struct):
    """`clock`: what the RetentionClock knows; `late`: which rows came while it was doubted. `waited_ms`: for how long
    `wanted` was as it is, which may be more than what is `in_force`. `floor_ms`: what arrived before had to go for
    room, as `floors` say."""

    clock: Believed = Believed()
    late: tuple[Late, ...] = ()
    in_force: SavedLimits | None = None
    wanted: SavedLimits | None = None
    waited_ms: int = 0
    floor_ms: int = 0
    floors: tuple[Floor, ...] = ()
    pending: Pending | None = None


def _read(file: Path) -> Memory:
    """Raises OSError, ValueError."""
    return msgspec.json.decode(file.read_bytes(), type=Memory)


class MemoryFile:
    """Methods raise OSError."""

    def __init__(self, directory: Path, place: Path | None) -> None:
        """`directory`: of the file; `place`: a directory on the disk of the rows, None where that is a server's."""
        self._file = directory / FILE
        self._copy = directory / COPY
        self._place = place
        self.is_lost = False
        """Neither the file nor its copy could be read."""
        self.memory = self._load()
        self._saved = msgspec.structs.replace(self.memory)

    def _load(self) -> Memory:
        """Of a file that is damaged the copy holds; without one it is as none: what is due then waits as after a change
        of settings."""
        try:
            return _read(self._file)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            reason = error
        kept = self._file.with_name(f"{FILE}.damaged")
        with contextlib.suppress(OSError):
            self._file.replace(kept)
        try:
            found = _read(self._copy)
        except (OSError, ValueError):
            self.is_lost = True
            log.error(
                "%s is damaged, and so is its copy (%s): it is kept as %s; what is due waits as after a change of"
                " settings, and rows that were being dropped may be taken for lost",
                self._file,
                reason,
                kept,
            )
            return Memory()
        log.error("%s is damaged (%s): it is kept as %s, and its copy holds", self._file, reason, kept)
        return found

    def save_if_changed(self) -> None:
        """The time alone is a change when a minute passed."""
        passed = self.memory.clock.latest_ms - self._saved.clock.latest_ms
        is_doubted = bool(self.memory.clock.doubted_ms) != bool(self._saved.clock.doubted_ms)
        is_same = msgspec.structs.replace(self._saved, clock=self.memory.clock) == self.memory
        if passed >= SAVE_MS or is_doubted or not is_same:
            self.save()

    def save(self) -> None:
        """Durable when it returns. A full disk takes it from the reserve."""
        with_reserve(self._place, self._write, OSError)
        self._saved = msgspec.structs.replace(self.memory)

    def _write(self) -> None:
        content = msgspec.json.encode(self.memory)
        durable.replace(self._file, content)
        durable.replace(self._copy, content)

    def keep_reserve(self) -> None:
        """Nothing happens where there is no room for it."""
        if self._place is not None:
            keep_reserve(self._place)

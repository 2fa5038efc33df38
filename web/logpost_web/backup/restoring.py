"""`logpost store restore`: puts into a store what it does not have of a backup's rows, unit by unit, and counts it like
rows that were read. Killed at any step it may be done again, and adds nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from logpost.backup.listing import BackupError
from logpost.backup.saving import check_room
from logpost_web.backup.checking import damaged, read_listing
from logpost_web.backup.listing import CONTENT, Listing, SavedPart
from logpost_web.store import rebuild, restored, version
from logpost_web.store.manifest_table import Chunk, ChunkKey
from logpost_web.store.rebuild import Offsets
from logpost_web.store.restored import ROWS
from logpost_web.store.schema import BEFORE, MANIFEST
from logpost_web.store.store import Store

Between = Callable[[Callable[[], None]], None]
"""Calls something while nobody else inserts into the store."""
MOST_NAMED = 3


class Restored(msgspec.Struct, kw_only=True):
    """`rows`: that were added; `known_rows`: that the store had; `damaged`: parts that were left out, and why."""

    made: str
    rows: int
    known_rows: int
    damaged: list[tuple[str, str]]


def restore(
    store: Store,
    directory: Path,
    between: Between,
    *,
    sound_only: bool = False,
    on_read: Callable[[int], None] = lambda _: None,
) -> Restored:
    """`sound_only`: leave damaged parts out, instead of refusing the backup; what they held is read again where a topic
    has it. Raises BackupError, StartError for a backup of a newer release, QueryError, OSError."""
    if store.path is None:
        raise BackupError(f"the store {store.description} is on a server: restore it there")
    listing = read_listing(directory)
    version.refuse(f"the backup {directory}", listing.store, version.read(store.path).engine)
    wrong = damaged(directory, listing, on_read)
    named = [(f"{part.table} {part.name}", reason) for part, reason in wrong]
    if wrong and not sound_only:
        said = "; ".join(f"{part}: {reason}" for part, reason in named[:MOST_NAMED])
        more = f", and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        raise BackupError(
            f"{directory} is damaged: {said}{more}: nothing was restored; make the backup again,"
            " or restore the other parts with --sound"
        )
    if rebuild.is_running(store) or store.reads_older:
        raise BackupError("the store is being rebuilt: restore when that is done")
    bad = {part for part, _ in wrong}
    parts = [part for part in listing.parts if part not in bad]
    try:
        return _restore(_Stage(store, directory / CONTENT, listing), parts, listing, between, named)
    finally:
        restored.drop(store)


class _Stage:
    def __init__(self, store: Store, content: Path, listing: Listing) -> None:
        self.store = store
        self._content = content
        self._listing = listing

    def put(self, table: str, parts: Sequence[SavedPart]) -> None:
        check_room(self.store.place, sum(part.size for part in parts))
        places = [(part.name, self._content / part.place) for part in parts]
        restored.stage(self.store, table, self._listing.tables[table], places)


def _restore(
    stage: _Stage, parts: Sequence[SavedPart], listing: Listing, between: Between, named: list[tuple[str, str]]
) -> Restored:
    lines = {line.key: line for line in _lines(stage, [part for part in parts if part.table == MANIFEST])}
    found = Restored(made=listing.made, rows=0, known_rows=0, damaged=named)
    for table in restored.lists(stage.store, listing.tables):  # first: what was deleted must be known
        stage.put(table, [part for part in parts if part.table == table])
        between(lambda: restored.take_list(stage.store, table))  # noqa: B023 - it is called at once
    for table, unit in _units(parts):
        stage.put(table, unit)
        staged = restored.staged_offsets(stage.store)
        taken: list[int] = []
        between(lambda: taken.append(restored.take(stage.store, staged)))  # noqa: B023 - it is called at once
        found.rows += sum(taken)
        found.known_rows += sum(one.rows for one in staged.values()) - sum(taken)
        for key, offsets in staged.items():
            if table == BEFORE or key not in lines:
                _extend(lines, key, offsets)
    between(lambda: restored.account(stage.store, list(lines.values()), is_whole=not named))
    return found


def _lines(stage: _Stage, parts: Sequence[SavedPart]) -> list[Chunk]:
    if not parts:
        return []
    stage.put(MANIFEST, parts)
    return restored.staged_lines(stage.store)


def _units(parts: Sequence[SavedPart]) -> Iterator[tuple[str, list[SavedPart]]]:
    """The parts that have rows, those of a unit together: so much room more is needed at a time."""
    rows = sorted((part for part in parts if part.table in ROWS), key=lambda one: (one.table, one.unit, one.name))
    for (table, _), unit in groupby(rows, key=lambda one: (one.table, one.unit)):
        yield table, list(unit)


def _extend(lines: dict[ChunkKey, Chunk], key: ChunkKey, offsets: Offsets) -> None:
    line = lines.setdefault(key, Chunk(*key, start=offsets.first, end=offsets.last + 1))
    line.start, line.end = min(line.start, offsets.first), max(line.end, offsets.last + 1)

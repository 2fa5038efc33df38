"""The parts of the embedded store's tables: which are there, which are sound, which were set aside.

A store on a server is its operator's: none of this touches it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost_web.store.damage import DAMAGE_CODES, is_damage, is_refusal
from logpost_web.store.errors import QueryError
from logpost_web.store.room import with_reserve
from logpost_web.store.store import Store

BROKEN = "broken"
"""Names of broken parts begin so in `detached`."""


@dataclass(frozen=True, slots=True)
class Part:
    table: str
    name: str
    directory: Path
    rows: int


def parts(store: Store) -> list[Part]:
    """Raises QueryError."""
    found = store.query(
        "SELECT table, name, path, rows FROM system.parts WHERE database = currentDatabase() AND active"
        " AND table LIKE 'otel_logs%' ORDER BY table, name"
    )
    return [Part(table, name, Path(path), rows) for table, name, path, rows in found.rows]


def vanished(store: Store) -> list[Part]:
    """Parts whose directory is not there. Raises QueryError."""
    gone = [part for part in parts(store) if not part.directory.is_dir()]
    # A merge may have replaced them since they were listed.
    return [part for part in gone if part in parts(store)] if gone else []


def met_in_errors(store: Store, seen: dict[int, int]) -> list[str]:
    """What the engine said of damage since `seen`, which is kept up to date: also what no statement of ours met, as a
    merge. Raises QueryError."""
    found = store.query(
        "SELECT code, value, last_error_message FROM system.errors WHERE code IN {codes:Array(Int32)}",
        {"codes": sorted(DAMAGE_CODES)},
    )
    messages = []
    for code, value, message in found.rows:
        if value > seen.get(code, 0):
            seen[code] = value
            if is_damage(code, str(message)):
                messages.append(str(message))
    return messages


def unsound(store: Store, names: set[str]) -> Iterator[tuple[Part, str]]:
    """Those of the named parts whose bytes are not what was written, and what is wrong; of one that cannot be read now
    nothing is known. Raises QueryError."""
    for part in parts(store):
        if part.name in names:
            with contextlib.suppress(UnreadError):
                if reason := reason_against(store, part):
                    yield part, reason


class UnreadError(QueryError):
    """A part could not be read to its end: for want of memory, of files, of a right."""

    def __init__(self, part: Part, why: str) -> None:
        super().__init__(f"the part {part.name} of {part.table} cannot be read: {why}")


def reason_against(store: Store, part: Part) -> str:
    """What is wrong with a part; empty when it is sound. Reads all of it. Raises UnreadError."""
    if not part.directory.is_dir():
        return "its directory is gone"
    try:
        answer = store.ask(f"CHECK TABLE {part.table} PART '{part.name}'")
    except QueryError as error:
        if not error.is_damage:
            raise UnreadError(part, str(error)) from error
        return str(error)
    _, passed, reason = (*answer, "", "", "")[:3]
    if is_refusal(reason):
        raise UnreadError(part, reason.strip())
    return "" if passed in ("", "1") else reason.strip() or "its checksums do not match"


def set_aside(store: Store, part: Part) -> None:
    """Move a part to the table's directory `detached`, under a name such as the engine gives broken ones: no statement
    meets it any more, and who comes next knows what it is. Raises QueryError."""
    detach = f"ALTER TABLE {part.table} DETACH PART '{part.name}'"
    with_reserve(store.place, lambda: store.command(detach), QueryError)
    place = part.directory.parent / "detached"
    with contextlib.suppress(OSError):  # it vanished
        (place / part.name).rename(place / f"{BROKEN}_{part.name}")


def broken_aside(store: Store) -> list[tuple[str, str]]:
    """(table, name) of the parts that were set aside because they were broken, by the engine or by us; none of a store
    on a server. Raises QueryError."""
    if not store.is_embedded:
        return []
    found = store.query(
        "SELECT table, name FROM system.detached_parts WHERE database = currentDatabase()"
        " AND table LIKE 'otel_logs%' AND startsWith(name, {broken:String})",
        {"broken": BROKEN},
    )
    return [(table, name) for table, name in found.rows]


def drop_aside(store: Store, table: str, name: str) -> None:
    """Remove a part that was set aside. Raises QueryError."""
    store.command(f"ALTER TABLE {table} DROP DETACHED PART '{name}' SETTINGS allow_drop_detached = 1")

"""Which settings differ from those in force, and which of them can be changed while a part runs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from typing import Any

import msgspec

from logpost.config import Config, settings


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """Dotted keys: those that hold from now on, those that are as before, those that hold from the next start on."""

    applied: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


def compare(old: Config, new: Config, *, tables: Collection[str], live: Set[str]) -> Reloaded:
    """`tables`: what a part reads of the settings (`broker`, or a single key: `broker.port`). `live`: what it can
    change."""
    after = settings(new)
    differs = {
        key: before != after[key]
        for key, before in settings(old).items()
        if key in tables or key.partition(".")[0] in tables
    }
    return Reloaded(
        applied=tuple(key for key, differ in differs.items() if differ and key in live),
        unchanged=tuple(key for key, differ in differs.items() if not differ),
        needs_restart=tuple(key for key, differ in differs.items() if differ and key not in live),
    )


def changed(old: Config, new: Config, keys: Iterable[str]) -> Config:
    """The old settings with these of the new ones."""
    after = settings(new)
    tables: dict[str, dict[str, Any]] = {}
    for key in keys:
        table, _, name = key.rpartition(".")
        tables.setdefault(table, {})[name] = after[key]
    own = tables.pop("", {})
    own |= {table: msgspec.structs.replace(getattr(old, table), **values) for table, values in tables.items()}
    return msgspec.structs.replace(old, **own)


def together(answers: Iterable[Reloaded]) -> Reloaded:
    """Of several parts: what one of them needs a restart for needs one."""
    found = list(answers)
    keys = list(dict.fromkeys(key for one in found for key in (*one.applied, *one.unchanged, *one.needs_restart)))
    restart = {key for one in found for key in one.needs_restart}
    applied = {key for one in found for key in one.applied} - restart
    return Reloaded(
        applied=tuple(key for key in keys if key in applied),
        unchanged=tuple(key for key in keys if key not in applied | restart),
        needs_restart=tuple(key for key in keys if key in restart),
    )

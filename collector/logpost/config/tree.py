"""A tree of settings as it was read (tables, keys, values) against the tables that `config.py` declares. Pure.

Durations and sizes have a second spelling: `broker.retention = "14d"` sets `broker.retention_ms`.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from fractions import Fraction

import msgspec

from logpost.config.mistakes import of_tag, of_value, unknown
from logpost.units import UNITS, is_size, parse

_UNIT = re.compile(rf"_({'|'.join(UNITS)})\Z")
Tree = dict[str, object]


def short_keys(defaults: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """`broker.retention` → `broker.retention_ms`, for each key that ends in a unit; several where a size and a duration
    share the name."""
    short: dict[str, tuple[str, ...]] = {}
    for key, default in defaults.items():
        if _UNIT.search(key) and not isinstance(default, str):  # which takes a unit as it is
            name = _UNIT.sub("", key)
            short[name] = (*short.get(name, ()), key)
    return short


def unit_of(key: str) -> str:
    """The unit that a key's last word names; the empty text for none."""
    found = _UNIT.search(key)
    return found[1] if found else ""


def spell_out(
    tree: Tree, short: Mapping[str, tuple[str, ...]], defaults: Mapping[str, object]
) -> tuple[dict[str, str], list[str]]:
    """Replace short keys by the ones with a unit. Returns how each such value was written, as a remark
    (` (broker.retention = "14d")`), and the mistakes; a key with a mistake is left out."""
    written: dict[str, str] = {}
    mistakes: list[str] = []
    for name, keys in short.items():
        table_name, _, last = name.rpartition(".")
        table = tree.get(table_name)
        if not isinstance(table, dict) or last not in table:
            continue
        value = table.pop(last)
        key = next((key for key in keys if (unit_of(key) == "bytes") == is_size(str(value))), keys[0])
        own = key.rpartition(".")[2]
        if own in table:
            mistakes.append(f"{name} and {key} are one setting: keep one of them")
            continue
        try:
            table[own] = _number(value, unit_of(key), whole=isinstance(defaults[key], int))
            written[key] = f' ({name} = "{value}")'
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    return written, mistakes


def _number(value: object, unit: str, *, whole: bool) -> int | float:
    if value in (0, -1, "0", "-1") and not isinstance(value, bool):
        return int(str(value))  # needs no unit
    amount: Fraction = parse(str(value), unit)
    if not whole:
        return float(amount)
    if amount.denominator != 1:
        raise ValueError(f'"{value}" is finer than the setting: it counts {"milliseconds" if unit == "ms" else unit}')
    return int(amount)


def prune(tree: Tree, kind: type[msgspec.Struct], *, strict: bool, prefix: str = "") -> list[str]:
    """Take out of `tree` what does not fit `kind`; returns the mistakes, each with its key. `strict`: a text is no
    number."""
    return list(_pruned(tree, kind, prefix, strict))


def _pruned(tree: Tree, kind: type[msgspec.Struct], prefix: str, strict: bool) -> Iterator[str]:
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in list(tree.items()):
        key = f"{prefix}{name}"
        if name not in types:
            yield unknown(key, (*types, *(short for known in types if (short := _UNIT.sub("", known)) != name)))
            del tree[name]
        elif isinstance(value, dict) and isinstance(types[name], type) and issubclass(types[name], msgspec.Struct):
            yield from _pruned(value, types[name], f"{key}.", strict)
        elif isinstance(value, list) and (tables := _tables(types[name])):
            mistakes = [
                mistake for place, item in enumerate(value) for mistake in _of_item(item, tables, f"{key}[{place}]")
            ]
            yield from mistakes
            if mistakes:
                del tree[name]
        elif isinstance(value, dict) and _tables(types[name]):
            yield f"{key}: expected tables, each under [[{key}]] in double brackets"
            del tree[name]
        elif mistake := of_value(value, types[name], key, strict=strict):
            yield mistake
            del tree[name]


def _tables(kind: object) -> dict[str, type[msgspec.Struct]]:
    """Tag → table, for an array of tables; with one that has no tag, that table alone."""
    inner = typing.get_args(kind)[:1]
    tables = (typing.get_args(inner[0]) or inner) if inner else ()
    return {
        str(table.__struct_config__.tag or ""): table
        for table in tables
        if isinstance(table, type) and issubclass(table, msgspec.Struct)
    }


def _of_item(item: object, tables: Mapping[str, type[msgspec.Struct]], key: str) -> list[str]:
    kind = tables.get("" if "" in tables else str(item.get("type"))) if isinstance(item, dict) else None
    if isinstance(item, dict) and kind is not None:
        mistakes = prune(
            {name: value for name, value in item.items() if name != "type" or "" in tables},
            kind,
            strict=True,
            prefix=f"{key}.",
        )
        if mistakes:
            return mistakes
    mistake = ("" if "" in tables else of_tag(item, tables, key)) or of_value(
        item,
        typing.Union[tuple(tables.values())],  # noqa: UP007 - of types known only now
        key,
        strict=True,
    )
    return [mistake] if mistake else []

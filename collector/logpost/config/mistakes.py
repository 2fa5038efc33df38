"""What to say of a key or a value of the configuration that does not fit. Pure."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping

import msgspec


def unknown(key: str, names: Iterable[str]) -> str:
    """`key` is no setting. `names`: those that its table has."""
    table, _, name = key.rpartition(".")
    nearest = nearest_name(name, names)
    return f"unknown key {key}" + (f": did you mean {f'{table}.' if table else ''}{nearest}?" if nearest else "")


def nearest_name(name: str, names: Iterable[str]) -> str:
    """The one of the `names` that `name` was probably meant to be; the empty text for none."""
    found = difflib.get_close_matches(name.lower().replace("-", "_").replace(" ", ""), list(names), 1)
    return found[0] if found else ""


def of_value(value: object, kind: object, key: str, *, strict: bool) -> str:
    """What keeps `value` from being of `kind`; the empty text for nothing."""
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        return _explained(str(error), kind, key)
    return ""


def of_tag(item: object, tables: Mapping[str, object], key: str) -> str:
    """What is wrong with the `type` of one table of an array."""
    if not isinstance(item, dict):
        return ""
    given = f", got {item['type']!r}" if "type" in item else ""
    return "" if item.get("type") in tables else f"{key}.type: expected {_one_of(tables)}{given}"


def _explained(text: str, kind: object, key: str) -> str:
    """msgspec names the place as a path behind the message (`… - at `$.paths[0]``): put it first."""
    message, _, place = text.partition(" - at `$")
    place = f"{key}{place.rstrip('`')}"
    if " matching regex " in message and (expected := _description(kind)):
        message = f"expected {expected}"
    elif typing.get_origin(kind) is typing.Literal:
        message = message.replace("Invalid enum value", f"expected {_one_of(typing.get_args(kind))}, got", 1)
    unknown_field = re.fullmatch(r"Object contains unknown field `(.+)`", message)
    return f"unknown key {place}.{unknown_field[1]}" if unknown_field else f"{place}: {message[0].lower()}{message[1:]}"


def _one_of(names: Iterable[object]) -> str:
    *others, last = [f'"{name}"' for name in names]
    return f"{', '.join(others)} or {last}" if others else last


def _description(kind: object) -> str:
    """What `msgspec.Meta` inside `kind` says in words."""
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    return next((found for inner in typing.get_args(kind) if (found := _description(inner))), "")

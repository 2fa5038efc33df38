"""Values of the application → JSON. Whatever they are and however they fail, something comes out, and is told of."""

from __future__ import annotations

import math

MAX_TEXT = 256 * 1024
"""Characters of a message or attribute; a longer one is cut, and `truncated` says so."""
MAX_DEPTH = 8
"""Levels of nested attributes; what lies deeper is written as text."""
_INT64 = range(-(2**63), 2**63)


class Values:
    """Reads the values of one record, and remembers what it could not read."""

    def __init__(self) -> None:
        self.is_cut = False
        """Whether a text was longer than MAX_TEXT."""
        self.unreadable: dict[str, str] = {}
        """Where a value stood (`args[0]`, `cart.items`) → the name of the error that it raised."""

    def plain(self, value: object, name: str, depth: int = MAX_DEPTH) -> object:
        """A copy of `value` that is JSON: what JSON does not know becomes text."""
        try:
            return self._plain(value, name, depth)
        except Exception:  # noqa: BLE001 - an object of the application may fail in any way
            return self.text(value, name)

    def _plain(self, value: object, name: str, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.clean(str.__str__(value))
        if isinstance(value, int) and int(value) in _INT64:
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if depth and isinstance(value, dict):
            return {
                (text := self.text(key, f"{name} (a key)")): self.plain(inner, f"{name}.{text}", depth - 1)
                for key, inner in value.items()
            }
        if depth and isinstance(value, list | tuple | set | frozenset):
            return [self.plain(inner, f"{name}[{place}]", depth - 1) for place, inner in enumerate(value)]
        return self.text(value, name)

    def text(self, value: object, name: str) -> str:
        """`str(value)`; else `repr(value)`; else the name of its type."""
        try:
            return self.clean(str(value))
        except Exception as error:  # noqa: BLE001 - as above
            self.unreadable[name[:100]] = type(error).__name__
        try:
            return self.clean(repr(value))
        except Exception:  # noqa: BLE001 - as above; its type is all that is known
            return f"<{type(value).__name__}>"

    def readable(self, value: object, name: str) -> object:
        """`value` itself where `%s` and `%r` can show it, else what of it can be shown."""
        try:
            str(value), repr(value)
        except Exception as error:  # noqa: BLE001 - as above
            self.unreadable[name[:100]] = type(error).__name__
            return self.plain(value, name)
        return value

    def clean(self, text: str) -> str:
        """Text that UTF-8 can hold (no lone surrogates), of bounded length."""
        if len(text) > MAX_TEXT:
            text, self.is_cut = text[:MAX_TEXT], True
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

    def marks(self) -> dict[str, object]:
        """The attributes that say what this record does not hold whole."""
        marks: dict[str, object] = {}
        if self.is_cut:
            marks["truncated"] = True
        if self.unreadable:
            marks["not_encoded"] = ", ".join(f"{name}: {error}" for name, error in self.unreadable.items())
        return marks

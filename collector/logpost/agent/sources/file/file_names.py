"""Names of files as text: Linux allows every byte but the slash and NUL, JSON and a terminal do not. Pure."""

from __future__ import annotations

import os
from pathlib import Path

from logpost.controls import one_line


def as_text(path: Path | str) -> str:
    """The name with bytes that are not UTF-8 as `\\xff`: what records say."""
    return os.fsencode(path).decode(errors="backslashreplace")


def as_one_line(path: Path | str) -> str:
    """As `as_text`, and what is not seen escaped too: what log messages say."""
    return one_line(as_text(path))


def exact(path: Path | str) -> str:
    """The bytes of a name that is not UTF-8, in hexadecimal; nothing for all others, which their text names."""
    raw = os.fsencode(path)
    return "" if as_text(path).encode() == raw else raw.hex()


def path_of(text: str, raw: str) -> Path:
    """The path that was saved as `as_text` and `exact`."""
    return Path(os.fsdecode(bytes.fromhex(raw))) if raw else Path(text)

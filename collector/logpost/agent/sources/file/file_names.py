"""Names of files as text: Linux allows every byte but the slash and NUL, JSON and a terminal do not. Pure."""

from __future__ import annotations

import os
import re
from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def as_text(path: Path | str) -> str:
    """The name with bytes that are not UTF-8 as `\\xff`: what records say."""
    return os.fsencode(path).decode(errors="backslashreplace")


def as_one_line(path: Path | str) -> str:
    """As `as_text`, and control characters escaped too: what log messages say."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), as_text(path))


def exact(path: Path | str) -> str:
    """The bytes of a name that is not UTF-8, in hexadecimal; nothing for all others, which their text names."""
    raw = os.fsencode(path)
    return "" if as_text(path).encode() == raw else raw.hex()


def path_of(text: str, raw: str) -> Path:
    """The path that was saved as `as_text` and `exact`."""
    return Path(os.fsdecode(bytes.fromhex(raw))) if raw else Path(text)

"""Which machine this is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def machine_id(files: Iterable[Path] = FILES) -> str:
    """A hash of systemd's id, which must stay secret; empty where there is no id, as in many containers."""
    for file in files:
        try:
            text = file.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if text and text != "uninitialized":
            return hashlib.sha256(f"logpost {text}".encode()).hexdigest()[:32]
    return ""

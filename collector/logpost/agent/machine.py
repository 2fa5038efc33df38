"""Which machine this is, and whether it is one that stays."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
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


CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
IN_KUBERNETES = "KUBERNETES_SERVICE_HOST"
_CONTAINER_ID = re.compile(r"[0-9a-f]{12}\Z")


def is_name_of_container(
    name: str, marks: Iterable[Path] = tuple(map(Path, CONTAINER_MARKS)), environment: Mapping[str, str] = os.environ
) -> bool:
    """Whether a host's name is the id of the container that this runs in: the next one has another."""
    is_id = _CONTAINER_ID.match(name) is not None
    return is_id and (IN_KUBERNETES in environment or any(mark.exists() for mark in marks))

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
_POD = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\Z")
"""Kubernetes ends names that it makes so; those of a StatefulSet stay, and end otherwise."""


def passing_name(
    name: str, marks: Iterable[Path] = tuple(map(Path, CONTAINER_MARKS)), environment: Mapping[str, str] = os.environ
) -> str:
    """Whose name a host's name is, where that is the container in which this runs: the next one has another. Empty for
    a name that stays."""
    if IN_KUBERNETES in environment and _POD.search(name):
        return "this pod"
    is_container = IN_KUBERNETES in environment or any(mark.exists() for mark in marks)
    return "this container" if is_container and _CONTAINER_ID.match(name) else ""

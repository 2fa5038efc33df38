"""Small files that a power cut leaves as they were or as they are to be."""

from __future__ import annotations

import os
from pathlib import Path


def replace(file: Path, content: bytes) -> None:
    """On the disk when it returns. Raises OSError; the file is then as it was."""
    new = file.with_name(f"{file.name}.new")
    with new.open("wb") as made:
        made.write(content)
        made.flush()
        os.fsync(made.fileno())
    new.replace(file)
    sync(file.parent)


def sync(directory: Path) -> None:
    """The names in it are on the disk when it returns. Raises OSError."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

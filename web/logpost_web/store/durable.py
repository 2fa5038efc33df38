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
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

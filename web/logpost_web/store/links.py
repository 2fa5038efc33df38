"""The links of the embedded store's directory.

The engine finds a database and its tables through links. Many ways to copy a directory follow links, and leave
directories in their place: then the engine refuses to open the copy. What the links point to is in the copy too.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_UUID = re.compile(r"UUID '([0-9a-f-]{36})'")


def restore_links(path: Path) -> None:
    """Put links back where a copy of the store has directories. Raises OSError."""
    databases = path / "metadata"
    for database in databases.iterdir() if databases.is_dir() else ():
        if database.is_symlink() or not database.is_dir():
            continue
        original = _same_names(database, path / "store")
        if original is not None:
            _replace(database, original)
            for table in original.glob("*.sql"):
                _restore_table(path, database.name, table)


def _same_names(database: Path, store: Path) -> Path | None:
    """The directory below `store` that has the files of `database`."""
    names = {file.name for file in database.iterdir()}
    return next((found for found in store.glob("*/*") if {file.name for file in found.iterdir()} == names), None)


def _restore_table(path: Path, database: str, definition: Path) -> None:
    uuid = _UUID.search(definition.read_text(errors="replace"))
    data = path / "data" / database / definition.stem
    if uuid is not None and data.is_dir() and not data.is_symlink():
        _replace(data, path / "store" / uuid[1][:3] / uuid[1])


def _replace(copy: Path, original: Path) -> None:
    """`copy` becomes a link to `original`."""
    target = os.path.relpath(original, copy.parent)
    shutil.rmtree(copy)
    copy.symlink_to(target)

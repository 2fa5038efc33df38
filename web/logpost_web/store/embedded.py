"""The directory of the embedded store: what must be known of it before the engine touches it."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import time
from pathlib import Path

from logpost import ownership
from logpost.config import StoreConfig
from logpost.errors import StartError
from logpost.store_url import scheme_and_rest
from logpost_web.store import version
from logpost_web.store.links import restore_links

OPEN_FILES = 65_536
"""The embedded store has two files for every column of every large part it reads; 1024 are usual and too few."""

FROZEN = "shadow"
"""Where the engine links the parts that it freezes."""


def embedded_path(config: StoreConfig, directory: Path) -> Path | None:
    """The directory of an embedded store; None for one on a server. Raises ConfigError."""
    scheme, rest = scheme_and_rest(config.url)
    return Path(rest or directory / "clickhouse") if scheme == "chdb" else None


def prepare(path: Path, engine: str) -> None:
    """To be called before `engine` opens it. Raises OSError, StartError."""
    _allow_open_files()
    # The engine would set aside as broken what it may not read.
    if refused := ownership.refused(path):
        raise StartError(f"cannot use the store chdb://{path}: {refused}: Permission denied{ownership.mended(refused)}")
    restore_links(path)
    version.write(path, engine)
    release_frozen(path)  # of a backup that was killed


def release_frozen(path: Path) -> None:
    """Remove the links of a backup. They are gone at once for who copies them: nobody takes a half for all."""
    frozen = path / FROZEN
    released = path / f"{FROZEN}.released"
    shutil.rmtree(released, ignore_errors=True)
    with contextlib.suppress(OSError):
        frozen.rename(released)
    for one in (released, frozen):
        shutil.rmtree(one, ignore_errors=True)


def put_aside(path: Path) -> Path | None:
    """Rename a directory that cannot be opened, or what is in its place; returns its new name, None where there is
    nothing."""
    if not os.path.lexists(path):
        return None
    aside = path.with_name(f"{path.name}-unopened-{time.time_ns()}")
    path.rename(aside)
    return aside


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

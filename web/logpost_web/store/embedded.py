"""The directory of the embedded store: what must be known of it before the engine touches it."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

from logpost import ownership
from logpost.config import StoreConfig
from logpost.errors import StartError
from logpost.store_url import scheme_and_rest
from logpost_web.store.links import restore_links
from logpost_web.store.schema import TABLE, VERSION, version_in

OPEN_FILES = 65_536
"""The embedded store has two files for every column of every large part it reads; 1024 are usual and too few."""
ENGINE_FILE = "engine-version"
"""In the directory: the version of the newest engine that wrote there."""
NEWER = "start the newer release, or move the store away to fill a new one from the topic"


def embedded_path(config: StoreConfig, directory: Path) -> Path | None:
    """The directory of an embedded store; None for one on a server. Raises ConfigError."""
    scheme, rest = scheme_and_rest(config.url)
    return Path(rest or directory / "clickhouse") if scheme == "chdb" else None


def refuse_newer(path: Path, engine: str) -> None:
    """Raises StartError for a directory that a newer logpost, or a newer engine than `engine`, wrote: it would set
    aside as broken what it cannot read. Touches nothing."""
    refuse_newer_layout(f"chdb://{path}", _layout(path))
    found = _engine(path)
    if _release(found) > _release(engine):
        raise StartError(
            f"the store chdb://{path} was written by ClickHouse {found}; this logpost has {engine}: {NEWER}"
        )


def refuse_newer_layout(description: str, found: int) -> None:
    """Raises StartError."""
    if found > VERSION:
        raise StartError(
            f"the store {description} has layout {found}, made by a newer logpost; this one knows {VERSION}"
            f" and older ones: {NEWER}"
        )


def prepare(path: Path, engine: str) -> None:
    """To be called before `engine` opens it. Raises OSError, StartError."""
    _allow_open_files()
    # The engine would set aside as broken what it may not read.
    if refused := ownership.refused(path):
        raise StartError(f"cannot use the store chdb://{path}: {refused}: Permission denied{ownership.mended(refused)}")
    restore_links(path)
    if _release(_engine(path)) < _release(engine):
        path.mkdir(parents=True, exist_ok=True)
        made = path / f"{ENGINE_FILE}.new"
        made.write_text(f"{engine}\n", encoding="ascii")
        made.replace(path / ENGINE_FILE)


def put_aside(path: Path) -> Path | None:
    """Rename a directory that cannot be opened, or what is in its place; returns its new name, None where there is
    nothing."""
    if not os.path.lexists(path):
        return None
    aside = path.with_name(f"{path.name}-unopened-{time.time_ns()}")
    path.rename(aside)
    return aside


def _layout(path: Path) -> int:
    """0 where there is no table."""
    definition = path / "metadata" / "default" / f"{TABLE}.sql"
    return version_in(definition.read_text(errors="replace")) if definition.is_file() else 0


def _engine(path: Path) -> str:
    """Empty where nothing says it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return (path / ENGINE_FILE).read_text(errors="replace").strip()
    return ""


def _release(version: str) -> tuple[int, ...]:
    """`26.9.2.1` → (26, 9): what is stored differs between these only. Empty for what is no version."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdecimal() for part in parts) else ()


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

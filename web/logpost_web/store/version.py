"""Who wrote an embedded store: a file that is read before the engine touches anything, and written before it may write
what an older one cannot read."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from logpost.errors import StartError
from logpost.installed import version
from logpost_web.store import durable
from logpost_web.store.schema import TABLE, VERSION, version_in

FILE = "version.json"
"""In the store's directory."""
ENGINE_FILE = "engine-version"
"""In stores from before `version.json`: that of the newest engine alone."""
NEWER = "start the newer release, or move the store away to fill a new one from the topic"


class StoreVersion(msgspec.Struct, kw_only=True, frozen=True):
    """`layout`: of its tables; `engine`: as `26.9.2.1`; `logpost`: the release that opened it last. 0 and empty where
    nothing says it."""

    layout: int = 0
    engine: str = ""
    logpost: str = ""


def refuse_newer(path: Path, engine: str) -> None:
    """Raises StartError for a directory that a newer logpost, or a newer engine than `engine`, wrote: it would set
    aside as broken what it cannot read. Touches nothing. Raises OSError."""
    refuse(f"the store chdb://{path}", read(path), engine)


def refuse(what: str, found: StoreVersion, engine: str) -> None:
    """Raises StartError where `found` is newer than this release."""
    if found.layout > VERSION:
        release = f" ({found.logpost})" if found.logpost else ""
        raise StartError(
            f"{what} has layout {found.layout}, made by a newer logpost{release};"
            f" this one knows {VERSION} and older ones: {NEWER}"
        )
    if _release(found.engine) > _release(engine):
        raise StartError(f"{what} was written by ClickHouse {found.engine}; this logpost has {engine}: {NEWER}")


def write(path: Path, engine: str) -> None:
    """Name this release and `engine`. Raises OSError."""
    wanted = StoreVersion(layout=VERSION, engine=engine, logpost=version())
    found = _named(path)
    if found == wanted:
        return
    path.mkdir(parents=True, exist_ok=True)
    try:
        durable.replace(path / FILE, msgspec.json.format(msgspec.json.encode(wanted)) + b"\n")
        (path / ENGINE_FILE).unlink(missing_ok=True)
    except OSError:
        if found.layout < VERSION or _release(found.engine) < _release(engine):
            raise
        # A full disk keeps no store closed for the sake of a release's name.


def read(path: Path) -> StoreVersion:
    """By its file, and by the comment of its table: somebody may have put the table of another store there. Raises
    OSError."""
    found = _named(path)
    definition = path / "metadata" / "default" / f"{TABLE}.sql"
    of_table = version_in(definition.read_text(errors="replace")) if definition.is_file() else 0
    return msgspec.structs.replace(found, layout=max(found.layout, of_table))


def _named(path: Path) -> StoreVersion:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return msgspec.json.decode((path / FILE).read_bytes(), type=StoreVersion)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return StoreVersion(engine=(path / ENGINE_FILE).read_text(errors="replace").strip())
    return StoreVersion()


def _release(version: str) -> tuple[int, ...]:
    """`26.9.2.1` → (26, 9): what is stored differs between these only. Empty for what is no version."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdecimal() for part in parts) else ()

"""`logpost store backup`, `restore` and `check DIR`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import LogpostError
from logpost_web.store_access import ask, asked, on_store, show

if TYPE_CHECKING:
    from logpost_web.backup.saving import Saved


def add_actions(actions: Commands) -> None:
    for name, run, summary in (
        ("backup", run_backup, "Copy the store, also while it is in use; only what is not there yet is copied."),
        ("restore", run_restore, "Put into the store what it does not have of a backup, also while it is in use."),
    ):
        action = add_parser(actions, name, run, summary, nested=True)
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        action.add_argument("directory", metavar="DIR", type=Path, help="of the backup, best on another disk")
        if name == "restore":
            action.add_argument("--sound", action="store_true", help="leave damaged parts out, and restore the others")


def run_backup(parsed: argparse.Namespace, config: Config) -> int:
    """Raises LogpostError."""
    from logpost_web.backup.saving import check_target

    for number in (signal.SIGTERM, signal.SIGHUP):  # what it has set apart goes
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    target = parsed.directory.absolute()
    check_target(target, config.data_directory())
    made = on_store(
        config,
        lambda config, directory: _backup_stopped(config, directory, target),
        lambda: _backup_running(config, target),
    )
    line = f"{target}: {made['parts']:,} parts, {made['bytes']:,} bytes, {made['copied_parts']:,} of them new"
    show(parsed, made, [f"{line} ({made['copied_bytes']:,} bytes); the rows of {made['made']}"])
    return 0


def _backup_stopped(config: Config, directory: Path, target: Path) -> dict[str, Any]:
    from logpost_web.backup import known  # the store takes a second to import, for this command only
    from logpost_web.backup.saving import save
    from logpost_web.store.frozen import freeze, release
    from logpost_web.store.store import Store

    store = Store.open(config.store, directory)
    try:
        frozen = freeze(store)
        known.begun(directory, str(target), frozen.made)
        saved = save(frozen, target, sys.stderr)
        known.ended(directory, str(target), frozen.made)
    finally:
        release(store)
        store.close()
    return _shown(saved)


def _backup_running(config: Config, target: Path) -> dict[str, Any]:
    import msgspec

    from logpost_web.backup.saving import save
    from logpost_web.store.frozen import Frozen

    with asked(config, "POST", "/api/store/backup", directory=str(target)) as held:
        frozen = msgspec.json.decode(held.readline(), type=Frozen)
        saved = save(frozen, target, sys.stderr)
        ask(config, "POST", "/api/store/backup/end", directory=str(target), made=frozen.made)
    return _shown(saved)


def _shown(saved: Saved) -> dict[str, Any]:
    return {
        "made": saved.listing.made,
        "parts": len(saved.listing.parts),
        "bytes": saved.listing.size_bytes,
        "copied_parts": saved.copied,
        "copied_bytes": saved.copied_bytes,
    }


def run_restore(parsed: argparse.Namespace, config: Config) -> int:
    """Raises LogpostError."""
    source = parsed.directory.absolute()
    sound = {"sound": "1"} if parsed.sound else {}
    found = on_store(
        config,
        lambda config, directory: _restore_stopped(config, directory, source, sound_only=parsed.sound),
        lambda: _restore_running(config, source, sound),
        may_begin=True,
    )
    lines = [f"{part}: {reason}: left out" for part, reason in found["damaged"]]
    lines.append(f"{found['rows']:,} rows of {found['made']} were added, {found['known_rows']:,} were there already")
    show(parsed, found, lines)
    return 1 if found["damaged"] else 0


def _restore_running(config: Config, source: Path, sound: dict[str, str]) -> dict[str, Any]:
    from logpost_web.backup.allowed import allowing

    try:
        with allowing(config.data_directory() / "store", source):
            return ask(config, "POST", "/api/store/restore", directory=str(source), **sound)
    except OSError as error:
        raise LogpostError(f"cannot tell logpost web what to restore: {error.filename}: {error.strerror}") from error


def _restore_stopped(config: Config, directory: Path, source: Path, *, sound_only: bool) -> dict[str, Any]:
    import msgspec

    from logpost.progress import Progress
    from logpost_web.backup.checking import read_listing
    from logpost_web.backup.restoring import restore
    from logpost_web.store.store import Store

    size = read_listing(source).size_bytes
    store = Store.open(config.store, directory)
    try:
        with Progress(size, sys.stderr) as progress:
            found = restore(store, source, lambda work: work(), sound_only=sound_only, on_read=progress.add)
    finally:
        store.close()
    return dict(msgspec.to_builtins(found))


def run_check(parsed: argparse.Namespace) -> int:
    """Raises LogpostError."""
    from logpost.progress import Progress
    from logpost_web.backup.checking import damaged, read_listing, set_aside

    listing = read_listing(parsed.directory)
    with Progress(listing.size_bytes, sys.stderr) as progress:
        wrong = damaged(parsed.directory, listing, progress.add)
    set_aside(parsed.directory, wrong)
    found = {
        "made": listing.made,
        "parts": len(listing.parts),
        "damaged": [{"table": part.table, "part": part.name, "reason": reason} for part, reason in wrong],
    }
    lines = [f"{part.table} {part.name}: {reason}" for part, reason in wrong]
    lines.append(f"{len(listing.parts):,} parts read, {len(wrong)} damaged; the rows of {listing.made}")
    if wrong:
        lines.append(
            "the next `logpost store backup` to this directory copies them again, as far as the store has them"
        )
    show(parsed, found, lines)
    return 1 if wrong else 0

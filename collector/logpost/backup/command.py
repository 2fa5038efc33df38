"""The commands `logpost backup DIR` and `logpost restore DIR`. Exit status: 0 done, 1 not, 2 wrong use."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import InUseError, LogpostError
from logpost.store_url import scheme_and_rest


def add_backup(commands: Commands) -> None:
    parser = add_parser(commands, "backup", run_backup)
    parser.add_argument("directory", metavar="DIR", type=Path, help="a new directory, best on another disk")


def add_restore(commands: Commands) -> None:
    parser = add_parser(commands, "restore", run_restore)
    parser.add_argument("directory", metavar="DIR", type=Path, help="what `logpost backup` has made")


def run_backup(parsed: argparse.Namespace, config: Config) -> int:
    """Raises LogpostError."""
    from logpost.backup.saving import save

    _end_in_order()
    data = config.data_directory()
    try:
        made = save(data, parsed.directory, sys.stderr)
    except InUseError as error:
        raise LogpostError(f"{error} (a backup is made of a box that is stopped)") from error
    if scheme_and_rest(config.store.url)[1]:
        sys.stderr.write(
            "logpost: the store of store.url is elsewhere, and not in this backup: it fills itself again\n"
        )
    sys.stdout.write(f"{parsed.directory}: {len(made.entries):,} entries, {made.size_bytes:,} bytes\n")
    return 0


def run_restore(parsed: argparse.Namespace, config: Config) -> int:
    """Raises LogpostError."""
    from logpost.backup.restoring import restore

    _end_in_order()
    data = config.data_directory()
    made = restore(parsed.directory, data, sys.stderr)
    sys.stdout.write(f"{data} is as it was on {made.host} at {made.made}, {made.size_bytes:,} bytes\n")
    return 0


def _end_in_order() -> None:
    """What ends this, such as a connection that is lost, leaves no half of it behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))

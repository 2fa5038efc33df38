"""The command `logpost status`. Exit status: 0 it is shown, 2 wrong use; whether all is well says `logpost doctor`."""

from __future__ import annotations

import argparse
import os
import sys

from logpost.cli import Commands, add_parser
from logpost.config import Config, settings


def add_command(commands: Commands) -> None:
    summary = "Show what runs here, how fast, how far behind, the room on the disk, and what went wrong last."
    parser = add_parser(commands, "status", run, summary)
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Raises ConfigError."""
    import msgspec  # with the rest: for this command only

    from logpost.redaction import secrets_in
    from logpost.status.gathering import gather
    from logpost.status.report import screen

    status = gather(config, secrets_in(settings(config), os.environ))
    if parsed.json:
        sys.stdout.write(msgspec.json.encode(status).decode() + "\n")
    else:
        sys.stdout.writelines(line + "\n" for line in screen(status))
    return 0

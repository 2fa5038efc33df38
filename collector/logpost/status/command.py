"""The commands `logpost status` and `logpost health`.

Exit status of `status`: 0 it is shown, 2 wrong use; of `health`: 0 all is well, 1 something is not.
"""

from __future__ import annotations

import argparse
import os
import sys

from logpost.cli import Commands, add_parser
from logpost.config import Config, settings


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "status", run)
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")


def add_health(commands: Commands) -> None:
    parser = add_parser(commands, "health", run_health)
    parser.add_argument("part", metavar="PART", nargs="?", default="", choices=("", "broker", "web", "agent"))


def run_health(parsed: argparse.Namespace, config: Config) -> int:
    """Raises ConfigError."""
    from logpost.status.health import problems

    found = list(problems(config, parsed.part))
    for problem in found:
        sys.stderr.write(f"logpost: {problem}\n")
    return 1 if found else 0


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Raises ConfigError."""
    import msgspec  # with the rest: for this command only

    from logpost.redaction import secrets_in
    from logpost.status.gathering import gather
    from logpost.status.report import screen

    status = gather(config, secrets_in(settings(config), os.environ))
    if parsed.json:
        sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    else:
        sys.stdout.writelines(line + "\n" for line in screen(status))
    return 0

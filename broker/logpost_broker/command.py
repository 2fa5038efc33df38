"""The command `logpost broker`."""

from __future__ import annotations

import argparse

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import StartError


def add_command(commands: Commands) -> None:
    add_parser(commands, "broker", run, "Run the broker.")


def run(parsed: argparse.Namespace, config: Config) -> int:
    raise StartError("not built yet")

"""The command `logpost up`."""

from __future__ import annotations

import argparse

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import StartError


def add_command(commands: Commands) -> None:
    add_parser(commands, "up", run, "Run broker, web and an agent on this host's own logs.")


def run(parsed: argparse.Namespace, config: Config) -> int:
    raise StartError("not built yet")

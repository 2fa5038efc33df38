"""The command `logpost web`."""

from __future__ import annotations

import argparse
from functools import partial

from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config


def add_command(commands: Commands) -> None:
    add_parser(commands, "web", run)


def run(parsed: argparse.Namespace, config: Config) -> int:
    from logpost_web.server import serve  # the store and the web server take a second to import, for this command only

    serve(config, partial(loaded, parsed))
    return 0

"""The command `logpost broker`, and the commands below it that work on its files."""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.service import on_stop, start_logging


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "broker", run, "Run the broker, or work on its files.")
    nested = parser.add_subparsers(metavar="COMMAND", title="instead of running the broker")
    _add_verify(nested)


def _add_verify(commands: Commands) -> None:
    summary = "Check every file of the log, with or without a running broker; changes nothing."
    parser = add_parser(commands, "verify", _verify, summary, nested=True)
    parser.epilog = "Exit status: 0 all is well, 1 something is wrong, 2 it could not look."
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", type=Path, help="the broker's directory (default: broker/ of the data)"
    )
    parser.add_argument("--deep", action="store_true", help="open every batch and decode its records")
    parser.add_argument("--json", action="store_true", help="the whole report as one JSON object")


def _verify(parsed: argparse.Namespace, config: Config) -> int:
    from logpost_broker.verify.command import run

    return run(parsed, config)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Serve until SIGTERM. Raises StartError, ConfigError."""
    from logpost_broker.broker import Broker

    logger = start_logging("broker")
    directory = config.data_directory() / "broker"
    broker = Broker(config.broker, directory)

    def ready() -> None:
        addresses = ", ".join(f"{host} port {port}" for host, port in broker.addresses)
        logger.info("ready on %s, data in %s", addresses, directory)

    _allow_many_files()
    on_stop(broker.stop)
    broker.run(ready)
    logger.info("stopped")
    return 0


def _allow_many_files() -> None:
    """A log has three files open, a connection one: take what the host grants instead of the usual first 1,024."""
    _, granted = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, granted))

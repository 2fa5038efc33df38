"""The command `logpost broker`."""

from __future__ import annotations

import argparse
import resource

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.service import on_stop, start_logging


def add_command(commands: Commands) -> None:
    add_parser(commands, "broker", run, "Run the broker.")


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

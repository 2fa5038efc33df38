"""The command `logpost broker`, and the commands below it that work on its files."""

from __future__ import annotations

import argparse
import gc
import resource
from functools import partial
from pathlib import Path

from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config
from logpost.reload.control import Control
from logpost.reload.reloader import Reloader
from logpost.service import keep_private, on_hangup, on_stop, start_logging
from logpost.systemd.notices import Notices

GC_THRESHOLD = 50_000
"""What a request leaves is in no cycle, and a collection that finds nothing makes everybody wait."""


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "broker", run)
    nested = parser.add_subparsers(metavar="[COMMAND]", title="instead of running the broker")
    _add_verify(nested)
    _add_export(nested)
    _add_import(nested)


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


def _add_export(commands: Commands) -> None:
    summary = "Copy topics into a log directory of Apache Kafka, which serves them from then on. Both are stopped."
    parser = add_parser(commands, "export", _export, summary, nested=True)
    parser.add_argument("topics", metavar="TOPIC", nargs="+")
    parser.add_argument(
        "--to", metavar="DIR", type=Path, required=True, help="Kafka's log.dirs, where the topics exist and are empty"
    )
    parser.add_argument("--force", action="store_true", help="replace the records that Kafka has in these topics")


def _export(parsed: argparse.Namespace, config: Config) -> int:
    from logpost_broker.transfer.command import run_export

    return run_export(parsed, config)


def _add_import(commands: Commands) -> None:
    summary = "Take over topics from a log directory of Apache Kafka. Both are stopped."
    parser = add_parser(commands, "import", _import, summary, nested=True)
    parser.add_argument("kafka_directory", metavar="KAFKA_LOG_DIR", type=Path, help="Kafka's log.dirs")
    parser.add_argument("topics", metavar="TOPIC", nargs="*", default=[], help="default: all but Kafka's internal ones")
    parser.add_argument("--move", action="store_true", help="take the files away from Kafka; needs no second room")


def _import(parsed: argparse.Namespace, config: Config) -> int:
    from logpost_broker.transfer.command import run_import

    return run_import(parsed, config)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Serve until SIGTERM. Raises StartError, ConfigError."""
    gc.disable()  # Modules stay: looking for garbage in them is a tenth of the start.
    from logpost_broker.broker import LIVE, Broker
    from logpost_broker.server.allocator import keep_large_blocks

    gc.enable()
    notices = Notices.from_environment()
    logger = start_logging("broker", config.log_level)
    keep_private(config.data_directory(), "broker")
    directory = config.data_directory() / "broker"
    broker = Broker(config.broker, directory, notices=notices)

    def ready() -> None:
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        addresses = ", ".join(f"{host} port {port}" for host, port in broker.addresses)
        ready = f"ready on {addresses}, data in {directory}"
        logger.info("%s", ready)
        controls.append(Control(directory, reloader.reload))  # the directory is locked
        notices.ready(ready)

    _allow_many_files()
    keep_large_blocks()
    on_stop(broker.stop, notices)
    reloader = Reloader(
        partial(loaded, parsed),
        config,
        tables=("broker", "data"),
        live=LIVE,
        apply=lambda _, after: broker.reconfigure(after.broker),
        log=logger,
    )
    on_hangup(reloader.reload, broker.stop)
    controls: list[Control] = []
    broker.run(ready)
    for control in controls:
        control.close()
    logger.info("stopped")
    return 0


def _allow_many_files() -> None:
    """A log has three files open, a connection one: take what the host grants instead of the usual first 1,024."""
    _, granted = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, granted))

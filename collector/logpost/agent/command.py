"""The command `logpost agent`."""

from __future__ import annotations

import argparse
import logging
import socket
from functools import partial

from logpost.agent import configured
from logpost.agent.agent import Agent
from logpost.agent.delivery.positions import Host
from logpost.agent.machine import machine_id, passing_name
from logpost.agent.metrics import server
from logpost.agent.metrics.counts import Counts
from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config
from logpost.reload.control import Control
from logpost.reload.reloader import Reloader
from logpost.service import DirectoryLock, keep_private, on_hangup, on_stop, start_logging
from logpost.systemd.notices import Notices

LIVE = configured.LIVE | {"agent.max_in_flight"}
"""Settings that hold without a restart."""


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "agent", run)
    parser.add_argument(
        "--host-logs", action="store_true", help="read this host's own logs when no [[agent.source]] is configured"
    )


def run(parsed: argparse.Namespace, config: Config) -> int:
    notices = Notices.from_environment()
    log = start_logging("agent", config.log_level)
    sources = configured.sources(config, host_logs=parsed.host_logs)
    keep_private(config.data_directory(), "agent")
    lock = DirectoryLock(config.data_directory() / "agent")
    try:
        _warn_of_a_name_that_goes(config, log)
        counts = Counts()
        host = Host(machine=machine_id(), name=configured.host(config))
        agent = Agent(config, sources, lock.directory, counts, host=host, notices=notices)
        on_stop(agent.stop, notices)

        def apply(before: Config, after: Config) -> None:
            agent.reconfigure(after, configured.others(before, after, host_logs=parsed.host_logs))

        tables = ("agent", "kafka", "data")
        reloader = Reloader(partial(loaded, parsed), config, tables=tables, live=LIVE, apply=apply, log=log)
        on_hangup(reloader.reload, agent.stop)
        control = Control(lock.directory, reloader.reload)
        port = config.agent.metrics_port
        stop_metrics = server.serve(counts, port) if port else None
        agent.run()
        if stop_metrics is not None:
            stop_metrics()
        control.close()
        log.info("stopped: %d records acknowledged", counts.acknowledged)
    finally:
        lock.release()
    return 0


def _warn_of_a_name_that_goes(config: Config, log: logging.Logger) -> None:
    name = socket.gethostname()
    if not config.agent.hostname and (of := passing_name(name)):
        log.warning("records are of host %s, the name of %s: set agent.hostname to a name that stays", name, of)

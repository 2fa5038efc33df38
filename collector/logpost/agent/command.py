"""The command `logpost agent`."""

from __future__ import annotations

import argparse
import shutil
import socket
from functools import partial

from logpost.agent.agent import Agent
from logpost.agent.host_logs import host_files
from logpost.agent.machine import machine_id
from logpost.agent.metrics import exposition
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.source import FileSource
from logpost.agent.sources.journal.source import JournalSource
from logpost.agent.sources.source import Begin
from logpost.cli import Commands, add_parser
from logpost.config import Config, FileSourceConfig, JournalSourceConfig
from logpost.errors import ConfigError
from logpost.service import DirectoryLock, keep_private, on_stop, start_logging


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "agent", run, "Ship this host's logs.")
    parser.add_argument(
        "--host-logs", action="store_true", help="read this host's own logs when no [[agent.source]] is configured"
    )


def run(parsed: argparse.Namespace, config: Config) -> int:
    log = start_logging("agent")
    sources = _sources(config, host_logs=parsed.host_logs)
    keep_private(config.data_directory(), "agent")
    lock = DirectoryLock(config.data_directory() / "agent")
    try:
        counts = Counts()
        agent = Agent(config, sources, lock.directory, counts, machine=machine_id())
        on_stop(agent.stop)
        port = config.agent.metrics_port
        stop_metrics = exposition.serve(counts, port) if port else None
        agent.run()
        if stop_metrics is not None:
            stop_metrics()
        log.info("stopped: %d records acknowledged", counts.acknowledged)
    finally:
        lock.release()
    return 0


def _sources(config: Config, *, host_logs: bool) -> dict[str, Begin]:
    """The sources by their ids, under which their positions are saved."""
    agent = config.agent
    host = agent.hostname or socket.gethostname()
    data = config.data_directory()
    forbidden = [data / part for part in ("agent", "broker", "store")]
    if not agent.source and not host_logs:
        raise ConfigError(
            'nothing to read: configure [[agent.source]] with type = "file" and paths = [...], or use --host-logs'
        )
    if agent.source:
        journals = [source for source in agent.source if isinstance(source, JournalSourceConfig)]
        file_sets = [
            FileSet(source, host=host, max_line_bytes=agent.max_line_bytes, forbidden=forbidden)
            for source in agent.source
            if isinstance(source, FileSourceConfig)
        ]
    else:
        journals = [JournalSourceConfig()] if shutil.which("journalctl") else []
        file_sets = host_files(data, host=host, max_line_bytes=agent.max_line_bytes, forbidden=forbidden)
    if len(journals) > 1:
        raise ConfigError('agent.source: only one source can have type = "journal"')
    begin: dict[str, Begin] = {}
    if file_sets:
        begin["file"] = partial(
            FileSource,
            file_sets,
            poll_seconds=agent.poll_seconds,
            partial_line_seconds=agent.partial_line_seconds,
        )
    if journals:
        begin["journal"] = partial(JournalSource, journals[0], host=host)
    return begin

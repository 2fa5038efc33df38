"""The sources that settings name, by the ids under which their positions are saved."""

from __future__ import annotations

import os
import shutil
import socket
from functools import partial

from logpost.agent.host_logs import host_files
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.source import FileSource
from logpost.agent.sources.journal.source import JournalSource
from logpost.agent.sources.source import Begin
from logpost.config import Config, FileSourceConfig, JournalSourceConfig
from logpost.errors import ConfigError
from logpost.systemd.journal import JOURNAL_STREAM

FILE, JOURNAL = "file", "journal"
LIVE = frozenset({"agent.source", "agent.max_line_bytes", "agent.poll_seconds", "agent.partial_line_seconds"})
"""Settings of sources that can be changed while the agent runs."""


def sources(config: Config, *, host_logs: bool) -> dict[str, Begin]:
    """`host_logs`: this host's own logs are read where none are configured. Raises ConfigError."""
    agent = config.agent
    if not agent.source and not host_logs:
        raise ConfigError(
            'nothing to read: configure [[agent.source]] with type = "file" and paths = [...], or use --host-logs'
        )
    journals = _journals(config)
    if len(journals) > 1:
        raise ConfigError('agent.source: only one source can have type = "journal"')
    begin: dict[str, Begin] = {}
    if file_sets := _file_sets(config):
        begin[FILE] = partial(
            FileSource,
            file_sets,
            poll_seconds=agent.poll_seconds,
            partial_line_seconds=agent.partial_line_seconds,
        )
    if journals:
        begin[JOURNAL] = partial(JournalSource, journals[0], host=host(config))
    return begin


def others(before: Config, after: Config, *, host_logs: bool) -> dict[str, Begin | None]:
    """How those begin that have other settings than before, None for one that is no more. Raises ConfigError."""
    found = sources(after, host_logs=host_logs)
    differ = {FILE: _of_files(before) != _of_files(after), JOURNAL: _journals(before) != _journals(after)}
    return {name: found.get(name) for name in differ if differ[name]}


def _of_files(config: Config) -> object:
    """What the source of files is made of."""
    agent = config.agent
    configured = [source for source in agent.source if isinstance(source, FileSourceConfig)]
    return configured, not agent.source, agent.max_line_bytes, agent.poll_seconds, agent.partial_line_seconds


def _journals(config: Config) -> list[JournalSourceConfig]:
    if not config.agent.source:
        return [JournalSourceConfig()] if shutil.which("journalctl") else []
    return [source for source in config.agent.source if isinstance(source, JournalSourceConfig)]


def _file_sets(config: Config) -> list[FileSet]:
    """Raises ConfigError."""
    agent = config.agent
    data = config.data_directory()
    forbidden = [data / part for part in ("agent", "broker", "store")]
    if not agent.source:
        own, system = host_files(data, host=host(config), max_line_bytes=agent.max_line_bytes, forbidden=forbidden)
        # Under systemd the journal has what logpost's parts say, with its level and its time.
        return [system] if JOURNAL_STREAM in os.environ and _journals(config) else [own, system]
    return [
        FileSet(source, host=host(config), max_line_bytes=agent.max_line_bytes, forbidden=forbidden)
        for source in agent.source
        if isinstance(source, FileSourceConfig)
    ]


def host(config: Config) -> str:
    """The `host` of every record."""
    return config.agent.hostname or socket.gethostname()

"""What `logpost agent --host-logs` reads: this host's log files, and what logpost's own parts say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logpost.agent.sources.file.file_set import FileSet
from logpost.config import FileSourceConfig

SYSTEM_LOGS = ("/var/log/**/*.log", "/var/log/syslog", "/var/log/messages")
OWN_LINES_PER_SECOND = 50
"""Logpost's own logs are shipped like any other; a part that says something for every line must not feed itself."""


def host_files(data: Path, *, host: str, max_line_bytes: int, forbidden: Sequence[Path]) -> tuple[FileSet, FileSet]:
    """What `logpost up` keeps of its parts' lines in the directory `data`, and the host's files."""
    own = FileSourceConfig(paths=(str(data.absolute() / "log" / "*.log"),), max_lines_per_second=OWN_LINES_PER_SECOND)
    system = FileSourceConfig(paths=SYSTEM_LOGS, start="end")
    return (
        FileSet(own, host=host, max_line_bytes=max_line_bytes, forbidden=forbidden, service_prefix="logpost-"),
        FileSet(system, host=host, max_line_bytes=max_line_bytes, forbidden=forbidden),
    )

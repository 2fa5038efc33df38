"""What `logpost doctor` asks of the broker's files."""

from __future__ import annotations

from logpost.config import Config
from logpost.errors import StartError
from logpost_broker.metadata.metadata_file import NAME, parsed_metadata


def data_versions(config: Config) -> str:
    """Why this release cannot use the broker's files that are there; empty where it can, or may not look."""
    path = config.data_directory() / "broker" / NAME
    try:
        parsed_metadata(path.read_bytes(), path)
    except StartError as error:
        return str(error)
    except OSError:
        return ""
    return ""

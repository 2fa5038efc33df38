"""What `logpost doctor` asks of the store's files."""

from __future__ import annotations

from importlib.metadata import version

from logpost.config import Config
from logpost.errors import StartError
from logpost_web.store.embedded import embedded_path
from logpost_web.store.version import refuse_newer


def data_versions(config: Config) -> str:
    """Why this release cannot use the store that is there; empty where it can, or may not look. Raises ConfigError."""
    path = embedded_path(config.store, config.data_directory() / "store")
    try:
        if path is not None:
            refuse_newer(path, version("chdb-core"))
    except StartError as error:
        return str(error)
    except OSError:
        return ""
    return ""

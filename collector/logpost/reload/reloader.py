"""Reads the settings again, and lets those hold that can be changed while a part runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Set

from logpost.config import Config, Loaded
from logpost.errors import ConfigError, LogpostError
from logpost.reload.changes import Reloaded, changed, compare
from logpost.reload.control import Answer
from logpost.service import set_log_level

LOG_LEVEL = "log_level"
Apply = Callable[[Config, Config], None]
"""Takes the settings that held until now, and those that hold from now on. Raises LogpostError."""


class Reloader:
    """Any thread. What is in force is kept here, also what was not applied: it differs the next time too."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        in_force: Config,
        *,
        tables: Collection[str],
        live: Set[str],
        apply: Apply,
        log: logging.Logger,
    ) -> None:
        """`tables` and `live`: see `compare`; the log level is everybody's."""
        self._load = load
        self._in_force = in_force
        self._tables = {*tables, LOG_LEVEL}
        self._live = live | {LOG_LEVEL}
        self._apply = apply
        self._log = log
        self._lock = threading.Lock()

    def reload(self) -> Answer:
        """What came of it, which is also logged."""
        with self._lock:
            try:
                new = checked(self._load)
            except LogpostError as error:
                self._log.error("the settings stay as they were: %s", error)
                return Answer(refused=str(error))
            reloaded = compare(self._in_force, new, tables=self._tables, live=self._live)
            try:
                self._let_hold(changed(self._in_force, new, reloaded.applied), set(reloaded.applied))
            except (LogpostError, OSError) as error:
                self._log.error("new settings do not hold: %s", error)
                return Answer(failed=str(error))
            except Exception as error:  # noqa: BLE001 - a mistake of ours: the next reload is served all the same
                self._log.exception("new settings do not hold")
                return Answer(failed=f"{type(error).__name__}: {error}")
            self._log.info("%s", in_words(reloaded))
            return Answer(reloaded=reloaded)

    def _let_hold(self, config: Config, keys: set[str]) -> None:
        if keys - {LOG_LEVEL}:
            self._apply(self._in_force, config)
        if LOG_LEVEL in keys:  # last: of what fails, nothing holds
            set_log_level(config.log_level)
        self._in_force = config


def checked(load: Callable[[], Loaded]) -> Config:
    """With all checks that a start makes. Raises ConfigError with the first mistake."""
    from logpost import checks  # what the agent reads with, when it is asked for only

    loaded = load()
    for mistake in checks.mistakes(loaded):
        raise ConfigError(mistake)
    return loaded.config


def in_words(reloaded: Reloaded) -> str:
    if not reloaded.applied and not reloaded.needs_restart:
        return "reloaded: nothing has changed"
    said = f"reloaded: {', '.join(reloaded.applied)}" if reloaded.applied else "reloaded"
    restart = f"; after a restart: {', '.join(reloaded.needs_restart)}" if reloaded.needs_restart else ""
    return said + restart

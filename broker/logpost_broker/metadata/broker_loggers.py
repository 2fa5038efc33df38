"""What the broker logs, by Kafka's names of levels. A level that is set holds until the process ends."""

from __future__ import annotations

import logging
from collections.abc import Mapping

LOGGERS = ("broker",)
LEVELS: Mapping[str, int] = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}


def check_level(text: str) -> None:
    """Raises ValueError."""
    if text not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")


def levels() -> dict[str, str]:
    """Of each logger, the level in force."""
    return {name: _named(logging.getLogger(name).getEffectiveLevel()) for name in LOGGERS}


def own_levels() -> dict[str, str]:
    """Of the loggers that do not have that of the process."""
    return {name: _named(level) for name in LOGGERS if (level := logging.getLogger(name).level) != logging.NOTSET}


def set_levels(wanted: Mapping[str, str]) -> None:
    """Each logger gets its level; one that is not named gets that of the process."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(LEVELS[wanted[name]] if name in wanted else logging.NOTSET)


def _named(level: int) -> str:
    """The least severe of Kafka's levels that is logged."""
    return next((name for name, number in LEVELS.items() if number >= level and name != "TRACE"), "FATAL")

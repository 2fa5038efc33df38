"""logpost on the hosts where logs are born: the agent, and `LogpostHandler` for Python programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logpost.handler import LogpostHandler

__all__ = ["LogpostHandler"]


def __getattr__(name: str) -> object:
    """Import the handler (and with it librdkafka) only when it is asked for: the command line does not need it."""
    if name == "LogpostHandler":
        from logpost.handler import LogpostHandler

        return LogpostHandler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

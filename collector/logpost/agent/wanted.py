"""New settings that the agent's loop is to take over while it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from logpost.agent.sources.source import Begin
from logpost.config import Config
from logpost.errors import StartError

RECONFIGURE_SECONDS = 20.0


class Wanted:
    """`begin` is for each source that has other settings how it begins, None for one that is no more. Who claims them
    first decides: the loop that they are to hold, or who asked that they are not to any more."""

    def __init__(self, config: Config, begin: Mapping[str, Begin | None]) -> None:
        self.config = config
        self.begin = begin
        self.done = threading.Event()
        """They hold or cannot."""
        self.error: StartError | None = None
        self._unclaimed = threading.Lock()

    def claim(self) -> bool:
        return self._unclaimed.acquire(blocking=False)

    def await_done(self, *, is_stopped: bool) -> None:
        """Until they hold; from any thread but the loop's. Raises StartError, and then they do not."""
        if is_stopped or not self.done.wait(RECONFIGURE_SECONDS):
            if self.claim():
                raise StartError("the agent is busy or stops: its settings stay as they were")
            self.done.wait()
        if self.error is not None:
            raise self.error

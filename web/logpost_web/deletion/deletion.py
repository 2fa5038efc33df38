"""One deletion: what it took, and how far it is. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from logpost_web.deletion.kept import Kept

State = Literal["waiting", "running", "done", "failed", "cancelled"]
TRIES = 5
"""How often a step of a deletion may fail in a row, or the process end in it, before the deletion has failed."""
PAUSE_MS = 10_000
"""Between two of them; it doubles."""


class Deletion(msgspec.Struct, kw_only=True):
    """Never the query: that has the words that are to go.

    - `matched`: rows. `parts`, `parts_done`: files of the store that are written again without them.
    - `waiting`: until all its rows are hidden from every statement; `running`: until none is on the disk.
    - `tries`: of the step that is under way; `retry_ms`: not before.
    - `is_counted_out`: its rows count as deleted. `is_hidden`: at one time no statement saw them. `units`: table
      partitions with rows that are hidden, and still there.
    - `kept`: until when topics have its bytes.
    - `is_recorded`: the topic of deletions has it, as it is.
    """

    id: str
    created_ms: int
    who: str
    matched: int
    state: State = "waiting"
    reason: str = ""
    parts: int = 0
    parts_done: int = 0
    ended_ms: int = 0
    tries: int = 0
    retry_ms: int = 0
    is_counted_out: bool = False
    is_hidden: bool = False
    is_recorded: bool = False
    units: list[str] = []
    kept: list[Kept] = []

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def holds(self) -> bool:
        """Whether its rows are to be hidden."""
        return self.state in ("waiting", "running", "done")

    def begin_try(self) -> None:
        """To be written down before the step, which may end the process."""
        self.tries += 1

    def worked(self) -> None:
        self.tries, self.retry_ms, self.reason = 0, 0, ""

    def failed(self, reason: str, now_ms: int) -> None:
        """A step failed: it waits for its next try, or there is none."""
        self.reason = reason
        if self.tries >= TRIES:
            self.end("failed", now_ms)
        else:
            self.retry_ms = now_ms + PAUSE_MS * 2 ** max(self.tries - 1, 0)

    def end(self, state: State, now_ms: int) -> None:
        self.state, self.ended_ms, self.tries, self.retry_ms = state, now_ms, 0, 0

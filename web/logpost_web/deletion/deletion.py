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
MAX_PAUSE_MS = 600_000
"""Between two tries of what is tried until it works."""
KILLED_HIDING = "the process ended each time that its lines were to be hidden"
KILLED_REMOVING = "the process ended each time that its lines were to be removed from the disk"


WAITS_FOR_TOPIC = "gone from the store; it is done when a broker has written it to the topic of deletions"


class Deletion(msgspec.Struct, kw_only=True):
    """Never the query: that has the words that are to go.

    - `matched`: rows. `places`: where they stood, fewer where a row was there twice.
    - `parts`, `parts_done`: files of the store that are written again without them.
    - `waiting`: until all its rows are hidden from every statement; `running`: until none is on the disk.
    - `tries`: of the step that is under way; `retry_ms`: not before.
    - `is_counted_out`: its rows count as deleted. `is_hidden`: at one time no statement saw them. `units`: table
      partitions with rows that are hidden, and still there.
    - `kept`: until when topics have its bytes.
    - `is_recorded`: the topic of deletions has it, as it is.
    - `is_given_back`: cancelled or failed, nothing counts as deleted for it any more.
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
    is_given_back: bool = False
    places: int = 0
    units: list[str] = []
    kept: list[Kept] = []

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def holds(self) -> bool:
        """Whether its rows are to be hidden: also when it failed after they were, or other stores know of it."""
        return self.is_open or self.state == "done" or (self.state == "failed" and (self.is_hidden or self.is_recorded))

    @property
    def owes(self) -> bool:
        """Whether rows are to be given back."""
        return not self.holds and not self.is_given_back

    @property
    def is_to_be_recorded(self) -> bool:
        """Whether the topic of deletions must learn of it, as it is now. Not before its rows are hidden."""
        return not self.is_recorded and (self.state == "cancelled" or (self.holds and self.state != "waiting"))

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do for it."""
        return not self.is_open and not self.owes and not self.is_to_be_recorded

    @property
    def may_be_begun_again(self) -> bool:
        """Whether a start tries one again that failed. Not what ended the process each time."""
        return self.state == "failed" and self.holds and self.reason not in (KILLED_HIDING, KILLED_REMOVING)

    def begin_try(self) -> bool:
        """To be written down before the step, which may end the process. False, and nothing is changed, where it was
        tried often enough."""
        if self.tries >= TRIES:
            return False
        self.tries += 1
        return True

    def worked(self) -> None:
        self.tries, self.retry_ms, self.reason = 0, 0, ""

    def failed(self, reason: str, now_ms: int) -> None:
        """A step failed: it waits for its next try, or there is none."""
        if self.tries >= TRIES:
            self.end("failed", now_ms, reason)
        else:
            self.wait(reason, now_ms)

    def wait(self, reason: str, now_ms: int) -> None:
        """For its next try."""
        self.reason = reason
        self.retry_ms = now_ms + min(PAUSE_MS * 2 ** min(max(self.tries - 1, 0), 10), MAX_PAUSE_MS)

    def waits_for_topic(self) -> None:
        """No broker takes it now."""
        if self.state == "running" and not self.units and not self.is_recorded:
            self.reason = self.reason or WAITS_FOR_TOPIC

    def was_killed(self, now_ms: int) -> None:
        """The process ended in each try."""
        self.end("failed", now_ms, KILLED_HIDING if self.state == "waiting" else KILLED_REMOVING)

    def end(self, state: State, now_ms: int, reason: str = "") -> None:
        self.state, self.ended_ms, self.reason = state, now_ms, reason
        self.tries = self.retry_ms = 0

    def begin_again(self) -> None:
        """Its rows are to be hidden once more, then removed."""
        self.state, self.ended_ms = "waiting", 0
        self.worked()

"""How often one thing may be said: a fault that lasts, or that comes and goes, must not fill the log, nor what the log
is shipped to. The clock is given."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

AT_ONCE = {logging.WARNING: 20, logging.INFO: 30}
"""Lines of one kind at once, by the level that they have at least."""
AGAIN_SECONDS = 900.0
"""After so long one more may be said."""
FIRST_COUNT = 10
"""So many that were left out are told at once, and ten, a hundred times as many."""
MOST_KINDS = 1000
"""Those that were met last are known."""
_LEFT_OUT = "left_out"
"""Of a record that was asked about."""


@dataclass(slots=True)
class _Kind:
    tokens: float
    at: float
    left_out: int = 0
    told: int = FIRST_COUNT


class Repeats:
    """Of one process, any thread. `clock`: seconds, never back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: OrderedDict[Hashable, _Kind] = OrderedDict()
        self._lock = threading.RLock()  # a signal may come in the middle, and be said

    def left_out(self, kind: Hashable, at_once: int) -> int | None:
        """Before one of a kind is said: how many were left out since the last that was, None to leave this out too."""
        with self._lock:
            return self._left_out(kind, at_once, self._clock())

    def _left_out(self, kind: Hashable, at_once: int, now: float) -> int | None:
        found = self._kinds.pop(kind, None) or _Kind(at_once, now)
        self._kinds[kind] = found
        if len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)
        found.tokens = min(at_once, found.tokens + (now - found.at) / AGAIN_SECONDS)
        found.at = now
        if found.tokens >= 1:
            left_out, found.left_out, found.told = found.left_out, 0, FIRST_COUNT
            found.tokens -= 1
            return left_out
        found.left_out += 1
        if found.left_out < found.told:
            return None
        found.told *= 10
        return found.left_out


class RepeatFilter(logging.Filter):
    """Leaves out of a handler what is said too often. Of a kind is what has the same text but for its arguments."""

    def __init__(self, repeats: Repeats | None = None) -> None:
        super().__init__()
        self._repeats = repeats or Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        at_once = next((most for level, most in AT_ONCE.items() if record.levelno >= level), None)
        if at_once is None:
            return True
        known = record.__dict__
        if _LEFT_OUT not in known:  # another handler may have asked
            text = record.getMessage() if record.msg == "%s" else record.msg
            left_out = self._repeats.left_out((record.name, record.levelno, text), at_once)
            known[_LEFT_OUT] = left_out
            if left_out:
                record.msg, record.args = f"{record.getMessage()} ({left_out:,} more like this are not shown)", ()
        return known[_LEFT_OUT] is not None

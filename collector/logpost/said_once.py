"""Warnings that would come again and again: each is said when it is new, and again once what it is of was over."""

from __future__ import annotations

import logging
from collections.abc import Hashable


class SaidOnce:
    """Used by one thread. `most`: how many things it warns of; of more it says nothing."""

    def __init__(self, log: logging.Logger, most: int = 1000) -> None:
        self._log = log
        self._most = most
        self._said: set[Hashable] = set()

    def warn(self, of: Hashable, text: str, *arguments: object) -> bool:
        """Whether it was said, which it is unless it was before. `text` and `arguments`: as `logging` takes them."""
        return self._say(logging.WARNING, of, text, *arguments)

    def info(self, of: Hashable, text: str, *arguments: object) -> bool:
        return self._say(logging.INFO, of, text, *arguments)

    def error(self, of: Hashable, text: str, *arguments: object) -> bool:
        return self._say(logging.ERROR, of, text, *arguments)

    def _say(self, level: int, of: Hashable, text: str, *arguments: object) -> bool:
        if of in self._said or len(self._said) >= self._most:
            return False
        self._said.add(of)
        self._log.log(level, text, *arguments)
        return True

    def over(self, of: Hashable) -> bool:
        """It is over: the next time is said again. Returns whether it was said."""
        was_said = of in self._said
        self._said.discard(of)
        return was_said

    def all_over(self) -> bool:
        """Everything is over; returns whether anything was said."""
        was_said = bool(self._said)
        self._said.clear()
        return was_said

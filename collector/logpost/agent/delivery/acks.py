"""What the broker has acknowledged of one stream: the contiguous part, from reports in any order. Pure."""

from __future__ import annotations


class Acks:
    """`acknowledged`: every byte before it is in the topic. `sent`: every byte before it was handed to the client."""

    __slots__ = ("_early", "acknowledged", "sent")

    def __init__(self, acknowledged: int) -> None:
        self.acknowledged = acknowledged
        self.sent = acknowledged
        self._early: dict[int, int] = {}

    @property
    def settled(self) -> bool:
        """Nothing of this stream is under way."""
        return self.acknowledged == self.sent

    def send(self, start: int, end: int) -> None:
        """The record of bytes `start` to `end` is under way. Ranges leave no gap; anything else is a bug."""
        if start != self.sent:
            raise ValueError(f"range {start} to {end} does not follow {self.sent}")
        self.sent = end

    def confirm(self, start: int, end: int) -> None:
        """The record of bytes `start` to `end` is in the topic."""
        if start != self.acknowledged:
            self._early[start] = end
            return
        self.acknowledged = end
        while self._early and (following := self._early.pop(self.acknowledged, None)) is not None:
            self.acknowledged = following

"""Files that were deleted before they were read to their end, and that only the open descriptor leads to: a source with
other settings cannot find them."""

from __future__ import annotations

from logpost.agent.sources.file.reading import Reading

TICK_SECONDS = 0.25


class DeletedFiles:
    """The rest of a source of files. Used by one thread."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._tick_due = 0.0

    @property
    def is_done(self) -> bool:
        return not len(self._reading.readers)

    @property
    def has_work(self) -> bool:
        return self._reading.has_work

    @property
    def due(self) -> float:
        return self._tick_due

    def look(self, now: float, now_ns: int) -> None:
        if now >= self._tick_due:
            for reader in tuple(self._reading.readers):
                self._reading.look(reader, now, now_ns)

    def turn(self, now: float, now_ns: int) -> None:
        if self._reading.has_work:
            self._reading.turn(now, now_ns)
        if now >= self._tick_due:
            self._tick_due = now + TICK_SECONDS
            self._reading.tick(now, now_ns)

    def finish(self, now: float, now_ns: int) -> None:
        self._reading.finish(now, now_ns)

    def close(self) -> None:
        self._reading.close()

"""Units: the rows of one class that arrived in one span of time, or a piece of them. A table partition each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPANS = (24, 6, 1)
"""Hours of arrival that a unit may stand for."""
UNITS_KEPT = 14
"""A class has at least so many units, so that what is not due yet holds back little."""
MAX_PIECE = 99_999
MAX_OPEN = 10_000
"""Units whose pieces are remembered; of those forgotten the last piece goes on."""


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """Rows that arrived in the `hours` hours from hour `first` (since 1970) on; the `piece`-th part of them."""

    first: int
    hours: int
    piece: int = 0

    @classmethod
    def numbered(cls, number: int) -> Unit:
        rest, piece = divmod(number, MAX_PIECE + 1)
        return cls(*divmod(rest, 100), piece)

    @property
    def number(self) -> int:
        """In the store, and in the name of its parts."""
        return (self.first * 100 + self.hours) * (MAX_PIECE + 1) + self.piece

    @property
    def start_ms(self) -> int:
        """Unix milliseconds; no row of it arrived before."""
        return self.first * HOUR_MS

    @property
    def end_ms(self) -> int:
        """All rows of it arrived before."""
        return (self.first + self.hours) * HOUR_MS


def span(keep_ms: int) -> int:
    """Hours of the units of a class that is kept for so long."""
    return next((hours for hours in SPANS if hours * HOUR_MS * UNITS_KEPT <= keep_ms), SPANS[-1])


@dataclass(slots=True)
class Opened:
    """A unit that rows come to. `room`: bytes that it still takes. `in_row`: its number; 0 for the first piece of a
    day, which the store knows by the row's time."""

    start_ms: int
    end_ms: int
    in_row: int
    room: int
    piece: int = 0


class Units:
    """Which unit the next row goes to: pieces of `piece_bytes`, so that one huge hour is many units."""

    def __init__(self, piece_bytes: int) -> None:
        self.piece_bytes = piece_bytes
        self._open: dict[tuple[int, int, int], Opened] = {}

    def limit(self, piece_bytes: int) -> None:
        """Pieces take no more from now on."""
        self.piece_bytes = piece_bytes
        for opened in self._open.values():
            opened.room = min(opened.room, piece_bytes)

    def learn(self, stored: Iterable[tuple[int, Unit, int]]) -> None:
        """Units of the store, with their classes and what they take: their last pieces go on."""
        for of_class, unit, size in stored:
            place = (of_class, unit.first, unit.hours)
            known = self._open.get(place)
            if known is None or known.piece < unit.piece:
                opened = self._open[place] = self._opened(unit)
                opened.room -= size  # less than its records had
        self._trim()

    def open(self, of_class: int, hours: int, arrived_ms: int, size: int) -> Opened:
        """The unit of a row that has `size` bytes."""
        first = arrived_ms // HOUR_MS
        first -= first % hours
        place = (of_class, first, hours)
        known = self._open.get(place)
        if known is None:
            known = self._open[place] = self._opened(Unit(first, hours))
            self._trim()
        elif known.room <= 0 and known.piece < MAX_PIECE:
            known = self._open[place] = self._opened(Unit(first, hours, known.piece + 1))
        known.room -= size
        return known

    def _opened(self, unit: Unit) -> Opened:
        in_row = 0 if (unit.hours, unit.piece) == (SPANS[0], 0) else unit.number
        return Opened(unit.start_ms, unit.end_ms, in_row, self.piece_bytes, unit.piece)

    def _trim(self) -> None:
        while len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]


def number_in_store(in_row: int, arrived_ms: int) -> int:
    """The number of a row's unit, which has `in_row`."""
    first = arrived_ms // HOUR_MS
    return in_row or Unit(first - first % SPANS[0], SPANS[0]).number

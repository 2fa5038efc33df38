"""Work that is made of steps and waits for nothing itself: `turns.py` lets others in between them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def at_once(steps: Generator[None, None, T]) -> T:
    """What steps come to that are known to be short."""
    while True:
        try:
            next(steps)
        except StopIteration as last:
            result: T = last.value
            return result


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of `size` items, the last maybe shorter."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))

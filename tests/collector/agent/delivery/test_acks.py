"""Acknowledgements in any order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.agent.delivery.acks import Acks


def test_the_position_follows_acknowledgements() -> None:
    acks = Acks(100)
    acks.send(100, 110)
    acks.send(110, 130)
    acks.confirm(100, 110)
    assert (acks.acknowledged, acks.settled) == (110, False)
    acks.confirm(110, 130)
    assert (acks.acknowledged, acks.settled) == (130, True)


def test_a_range_that_leaves_a_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="does not follow 10"):
        Acks(10).send(11, 12)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_only_the_contiguous_part_counts(sizes: list[int], random: Random) -> None:
    acks = Acks(0)
    ranges = []
    for size in sizes:
        ranges.append((acks.sent, acks.sent + size))
        acks.send(*ranges[-1])
    order = list(ranges)
    random.shuffle(order)
    missing = set(ranges)
    for confirmed in order:
        acks.confirm(*confirmed)
        missing.discard(confirmed)
        assert acks.acknowledged == min((start for start, _ in missing), default=acks.sent)
    assert acks.settled

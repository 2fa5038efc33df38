"""Leader epochs against a log that is a list of epochs, one for each offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.leader_epochs import EpochEnd, EpochStart, LeaderEpochs


def epochs(*starts: tuple[int, int]) -> LeaderEpochs:
    made = LeaderEpochs()
    for epoch, start_offset in starts:
        made.assign(epoch, start_offset)
    return made


def of(*starts: tuple[int, int]) -> list[EpochStart]:
    return [EpochStart(epoch=epoch, start_offset=start_offset) for epoch, start_offset in starts]


@pytest.mark.parametrize(
    ("epoch", "end"),
    [(-1, None), (0, (0, 5)), (1, (1, 5)), (2, (1, 5)), (3, (3, 9)), (4, (4, 20)), (5, None)],
)
def test_an_epoch_ends_where_the_next_begins(epoch: int, end: tuple[int, int] | None) -> None:
    expected = None if end is None else EpochEnd(epoch=end[0], end_offset=end[1])
    made = epochs((1, 0), (3, 5), (4, 9)) if epoch else epochs((1, 5), (3, 9))
    assert made.end_of(epoch, 20) == expected


def test_a_log_without_epochs_knows_none() -> None:
    assert epochs().end_of(0, 5) is None
    assert epochs().epoch_at(0) is None


def test_an_epoch_without_an_offset_is_forgotten() -> None:
    assert epochs((0, 0), (1, 5), (2, 5)).starts == of((0, 0), (2, 5))
    assert epochs((0, 0), (1, 5), (2, 3)).starts == of((0, 0), (2, 3))


def test_what_is_known_is_no_news() -> None:
    assert epochs((2, 3), (2, 9), (1, 12), (-1, 15)).starts == of((2, 3))


def test_the_file_is_kafkas() -> None:
    assert epochs((0, 0), (3, 17)).formatted() == b"0\n2\n0 0\n3 17\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"0\n1\n",
        b"1\n0\n",
        b"0\n1\n5\n",
        b"0\n1\nx 1\n",
        b"0\n2\n2 0\n1 4\n",
        b"0\n2\n1 0\n2 0\n",
        b"\0\0\xff",
    ],
)
def test_a_file_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="its "):
        LeaderEpochs.parsed(data)


@st.composite
def histories(draw: st.DrawFn) -> list[int]:
    """The epoch of each offset of a log."""
    return sorted(draw(st.lists(st.integers(0, 6), max_size=20)))


def of_log(log: list[int]) -> LeaderEpochs:
    return epochs(*((epoch, offset) for offset, epoch in enumerate(log)))


@given(histories(), st.integers(0, 20), st.integers(0, 20), st.integers(0, 7))
def test_they_say_what_the_log_says(log: list[int], start: int, end: int, asked: int) -> None:
    start, end = min(start, len(log)), min(end, len(log))
    made = of_log(log)
    made.truncate_end(end)
    made.truncate_start(min(start, end))
    kept = {offset: log[offset] for offset in range(min(start, end), end)}
    for offset, epoch in kept.items():
        assert made.epoch_at(offset) == epoch
    found = made.end_of(asked, end)
    if kept and asked <= max(kept.values()):
        assert found is not None
        assert found.end_offset == next((offset for offset, epoch in kept.items() if epoch > asked), end)
        assert found.epoch == max((epoch for epoch in kept.values() if epoch <= asked), default=asked)


@given(histories(), st.integers(0, 20))
def test_a_file_gives_them_back(log: list[int], start: int) -> None:
    made = of_log(log)
    made.truncate_start(start)
    assert LeaderEpochs.parsed(made.formatted()).starts == made.starts

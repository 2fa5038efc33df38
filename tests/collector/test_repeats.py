"""A fault that lasts an hour costs a part at most a hundred lines, and they count what is not said."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from logpost.repeats import MOST_KINDS, RepeatFilter, Repeats

HOUR = 3600.0
MOST_LINES = 100


class Hour:
    """A logger whose clock is driven, and what it has said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.log = logging.Logger("part")
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage())  # type: ignore[method-assign]
        handler.addFilter(RepeatFilter(Repeats(lambda: self.now)))
        self.log.addHandler(handler)

    def every(self, seconds: float, say: Callable[[int], None]) -> None:
        for number in range(int(HOUR / seconds)):
            self.now = number * seconds
            say(number)

    @property
    def counted(self) -> int:
        """All that was said or is told as left out, but for what was left out since."""
        told, last = 0, 0
        for line in self.said:
            more = re.search(r"\(([\d,]+) more", line)
            count = int(more[1].replace(",", "")) if more else 0
            told += last if count < last else 0
            last = count
        return told + last + len(self.said)


@pytest.fixture
def hour() -> Iterator[Hour]:
    yield Hour()


@pytest.mark.parametrize("seconds", [0.01, 1.0, 30.0])
def test_what_is_said_all_the_time(hour: Hour, seconds: float) -> None:
    hour.every(seconds, lambda number: hour.log.error("accept failed: %s", OSError(24, f"try {number}")))
    assert 4 <= len(hour.said) <= MOST_LINES
    assert hour.counted > 0.4 * HOUR / seconds


def test_what_comes_and_goes(hour: Hour) -> None:
    """A disk that is full every other second, a broker that answers now and then."""

    def say(number: int) -> None:
        if number % 2:
            hour.log.info("%s can be written again", "/data/positions.json")
        else:
            hour.log.error("%s cannot be written: %s", "/data/positions.json", "No space left on device")

    hour.every(1.0, say)
    assert len(hour.said) <= MOST_LINES


def test_as_many_things_as_there_may_be(hour: Hour) -> None:
    """Files that may not be read, each of which is named once."""
    for number in range(5_000):
        hour.log.warning("%s is not read: %s", f"/srv/{number}.log", "Permission denied")
    assert len(hour.said) <= MOST_LINES
    assert hour.said[0] == "/srv/0.log is not read: Permission denied"
    assert hour.said[-1].endswith("Permission denied (1,000 more like this are not shown)")


def test_a_kind_that_rested_is_said_as_at_first(hour: Hour) -> None:
    for _ in range(50):
        hour.log.warning("slow")
    hour.now += HOUR
    hour.said.clear()
    hour.log.warning("slow")
    hour.log.warning("slow")
    assert hour.said == ["slow (30 more like this are not shown)", "slow"]


def test_other_things_are_said(hour: Hour) -> None:
    for _ in range(1_000):
        hour.log.warning("%s", "the first")
    hour.said.clear()
    hour.log.warning("%s", "the second")
    hour.log.error("%s", "the first")
    assert hour.said == ["the second", "the first"]


def test_memory_is_bounded() -> None:
    repeats = Repeats(lambda: 0.0)
    for number in range(10 * MOST_KINDS):
        assert repeats.left_out(number, 1) == 0
    assert repeats.left_out(10 * MOST_KINDS - 1, 1) is None
    assert repeats.left_out(0, 1) == 0


def test_details_are_not_left_out(hour: Hour) -> None:
    for _ in range(1_000):
        hour.log.debug("one of many")
    assert len(hour.said) == 1_000


def test_two_handlers_say_the_same() -> None:
    said: list[list[str]] = [[], []]
    log = logging.Logger("up")
    for lines in said:
        handler = logging.Handler()
        handler.emit = lambda record, lines=lines: lines.append(record.getMessage())  # type: ignore[misc, method-assign]
        handler.addFilter(RepeatFilter())
        log.addHandler(handler)
    for _ in range(100):
        log.warning("again")
    assert said[0] == said[1]
    assert len(said[0]) < 30


def test_threads_share_what_may_be_said(hour: Hour) -> None:
    def say() -> None:
        for _ in range(1_000):
            hour.log.warning("one of many")

    threads = [threading.Thread(target=say) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hour.said) == 20 + 3
    assert sum("(1,000 more" in line for line in hour.said) == 1


PROGRAM = """
import logging
from logpost.service import start_logging
log = start_logging("agent")
for number in range(3000):
    log.warning("line %d cannot be read", number)
    logging.getLogger("asyncio").error("socket.accept() out of system resource")
"""


def test_every_part_and_its_libraries_are_limited() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    lines = ended.stderr.splitlines()
    assert len(lines) < 60
    assert lines[0].endswith("WARNING agent: line 0 cannot be read")
    assert lines[-1].endswith("out of system resource (1,000 more like this are not shown)")

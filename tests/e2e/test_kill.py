"""kill -9 of every part in the middle of a run: each line is found exactly once.

`--lines` says how many lines are written; `make bench` runs it with 500,000.
"""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apache_kafka import ApacheKafka
from tests.support.appliance import Appliance
from tests.support.processes import Part

FILES = 4
KILLS_OF_EACH = 3
ROTATE_EVERY = 7_000


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--lines"))


class Writer:
    """Appends numbered lines to FILES files, round robin, rotating each by rename; waits where it is told to."""

    def __init__(self, directory: Path, lines: int, pauses: int) -> None:
        self._directory = directory
        self._lines = lines
        self._pause_every = lines // (pauses + 1)
        self._go_on = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def await_pause(self) -> None:
        assert self._paused.acquire(timeout=60)

    def go_on(self) -> None:
        self._go_on.release()

    def join(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()

    def _write(self) -> None:
        names = [self._directory / f"service-{number}.log" for number in range(FILES)]
        files = [name.open("ab", buffering=64 * 1024) for name in names]
        for written in range(1, self._lines + 1):
            number = written - 1
            which = number % FILES
            files[which].write(b"2026-11-22T10:51:07.123Z INFO shop: order %d was paid\n" % number)
            if written % ROTATE_EVERY == 0:
                files[which].close()
                names[which].rename(names[which].with_suffix(f".log.{number}"))
                files[which] = names[which].open("ab", buffering=64 * 1024)
            if written % self._pause_every == 0 and written < self._lines:
                for file in files:
                    file.flush()
                self._paused.release()
                self._go_on.acquire()
        for file in files:
            file.close()


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    tailed = tmp_path / "tailed"
    tailed.mkdir()
    with Appliance(tmp_path, sources=sources(tailed)) as appliance:
        yield appliance


def sources(tailed: Path) -> str:
    return f"""
    [[agent.source]]
    type = "file"
    paths = ["{tailed}/*.log*"]
    """


def test_every_line_is_found_exactly_once(appliance: Appliance, tmp_path: Path, lines: int) -> None:
    kill_every_part(appliance, tmp_path / "tailed", lines)


def kill_every_part(appliance: Appliance, tailed: Path, lines: int) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    victims: list[Part | ApacheKafka] = [appliance.kafka, appliance.web, appliance.agent] * KILLS_OF_EACH
    chance.shuffle(victims)
    writer = Writer(tailed, lines, pauses=len(victims))
    for victim in victims:
        writer.await_pause()
        writer.go_on()
        # The kill falls into the shipping of what the writer is writing now.
        threading.Event().wait(chance.uniform(0, 0.5))
        victim.kill()
        victim.start()
    writer.join()
    appliance.await_total(lines)
    numbers = sorted(int(row["message"].split()[4]) for row in appliance.rows())
    assert len(numbers) == lines, f"seed {seed}"
    assert numbers == list(range(lines)), f"seed {seed}"

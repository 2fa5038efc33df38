"""How many crash points are run, and the count of them at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.faults.crashes import CRASH_POINTS_RUN
from tests.faults.life import FLUSH_MODES, Machines


@pytest.fixture
def crash_points(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--crash-points"))


@pytest.fixture(params=FLUSH_MODES)
def machines(request: pytest.FixtureRequest) -> Iterator[Machines]:
    machines = Machines(request.param)
    yield machines
    machines.close()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What recoveries report thousands of times is asserted elsewhere."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CRASH_POINTS_RUN:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(CRASH_POINTS_RUN.items()))
        terminalreporter.write_line(f"crash points run: {CRASH_POINTS_RUN.total()} ({kinds})")

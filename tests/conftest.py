"""Fixtures that all parts share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from logpost_broker import Broker

# `make test` tries the same examples each time; `make bench` looks for new ones, with --hypothesis-profile=wide. How
# long one takes fails no test: another program may have the processor just then.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", UNTIMED, derandomize=True)
settings.register_profile("wide", UNTIMED, max_examples=5000, print_blob=True)
settings.load_profile("fixed")

# Under nohup it would be ignored by all programs that tests start, and those that end by it would go on for ever.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lines", type=int, default=60_000, help="lines that the kill -9 test writes")
    parser.addoption("--records", type=int, default=8_000, help="records that the kill -9 test of the web sends")
    parser.addoption("--kills", type=int, default=3, help="how often the copy job and its broker are each killed")
    parser.addoption("--store-server", action="store_true", help="tests of the store run against a ClickHouse server")
    parser.addoption("--crash-points", type=int, default=900, help="crashes that the fault tests of the log begin with")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--store-server"):
        for item in items:
            if item.get_closest_marker("embedded_store"):
                item.add_marker(pytest.mark.skip(reason="of a store in a directory of its own"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own, on a free port."""
    from logpost_broker.broker import EMBEDDED, Broker

    with Broker(EMBEDDED, tmp_path / "broker") as running:
        yield running


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[Broker]:
    """One broker for all tests that name their topics and groups uniquely."""
    from logpost_broker import Broker

    with Broker() as running:
        yield running


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes say nothing to a reader, and those that hold the time of the run would differ between its processes."""
    return argname if isinstance(val, bytes) else None

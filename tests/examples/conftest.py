"""Pages whose commands reach a broker of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logpost_broker import Broker
from tests.examples.page import Page


@pytest.fixture
def page(broker: Broker, tmp_path: Path) -> Callable[[str], Page]:
    """`page("messaging")`."""
    directory = tmp_path / "checkout"
    directory.mkdir()
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    return lambda name: Page(name, directory, environment)

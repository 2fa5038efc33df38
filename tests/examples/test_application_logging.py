"""What the shop logs is found by the page's searches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.page import Page
from tests.support.appliance import Appliance

ORDERS, FAILED = 20, ["7", "14"]


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """Without the agent: the handler needs none."""
    parts = Appliance(tmp_path, sources="")
    with parts.broker.start(), parts.web.start():
        yield parts


def test_what_the_program_logs_is_found(appliance: Appliance, tmp_path: Path) -> None:
    environment = {
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": appliance.bootstrap_servers,
        "LOGPOST_WEB_PORT": str(appliance.web_port),
    }
    directory = tmp_path / "checkout"
    directory.mkdir()
    opened = Page("application-logging", directory, environment)
    program, errors, one_order = opened.commands
    opened.output(program)
    appliance.await_total(2 * ORDERS, "service:shop -level:warn")
    found = opened.output(errors).splitlines()
    assert [line.split("order ")[1].split()[0] for line in found] == FAILED
    story = [line.split("order 7 ")[1] for line in opened.output(one_order).splitlines() if "large" not in line]
    assert story == ["received", "could not be paid"]
    assert appliance.total("exception.type:TimeoutError") == len(FAILED)

"""A host goes back to a snapshot, or a clone of it runs beside it: every line that was ever written is found, once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.appliance import Appliance
from tests.support.metrics import metric


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def appliance(tmp_path: Path, log: Path) -> Iterator[Appliance]:
    write(log, "before")
    with Appliance(tmp_path, sources=f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n') as appliance:
        yield appliance


def write(log: Path, word: str) -> None:
    """Ten lines without a time of their own, as long as those of any other word of six letters."""
    with log.open("a") as file:
        file.writelines(f"{word} {number}\n" for number in range(10))


def found(appliance: Appliance) -> list[str]:
    return sorted(row["message"] for row in appliance.rows())


def ten(word: str) -> list[str]:
    return [f"{word} {number}" for number in range(10)]


@contextmanager
def set_back_afterwards(appliance: Appliance, log: Path, kept: Path) -> Iterator[None]:
    """The agent runs meanwhile; behind it, it is stopped, and its directory and its log are as they were before."""
    assert appliance.agent.stop() == 0
    agent = appliance.data / "agent"
    shutil.copytree(agent, kept)
    content = log.read_bytes()
    appliance.agent.start()
    yield
    assert appliance.agent.stop() == 0
    shutil.rmtree(agent)
    kept.rename(agent)
    log.write_bytes(content)


def test_a_host_set_back_to_a_snapshot_loses_no_line(appliance: Appliance, tmp_path: Path, log: Path) -> None:
    appliance.await_total(10)
    with set_back_afterwards(appliance, log, tmp_path / "snapshot"):
        write(log, "middle")
        appliance.await_total(20)
    write(log, "after!")
    appliance.agent.start()
    appliance.await_total(30)
    assert found(appliance) == sorted([*ten("before"), *ten("middle"), *ten("after!")])
    assert metric(appliance.web_port, "logpost_indexer_stream_conflicts_total") == 10


def test_a_copy_of_a_host_is_another_host(appliance: Appliance, tmp_path: Path, log: Path) -> None:
    """Of an image with the same machine id: both write the same bytes at the same place of the same log."""
    appliance.await_total(10)
    with set_back_afterwards(appliance, log, tmp_path / "image"):
        write(log, "after!")
        appliance.await_total(20)
    write(log, "after!")
    appliance.agent.environment["LOGPOST_AGENT_HOSTNAME"] = "web-2"
    appliance.agent.start()
    appliance.await_total(30)
    assert appliance.agent.stop() == 0
    rows = list(appliance.rows())
    assert sorted(row["message"] for row in rows if row["host"] == "web-2") == ten("after!")
    assert found(appliance) == sorted([*ten("before"), *ten("after!"), *ten("after!")])
    assert [line for line in appliance.agent.lines if "new streams begin where they end" in line] != []
    assert metric(appliance.web_port, "logpost_indexer_stream_conflicts_total") == 0

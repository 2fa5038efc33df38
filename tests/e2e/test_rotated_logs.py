"""Logs that are rotated while a program still writes to them, or while the agent is down: every line is found, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    for name in ("logs", "pods", "containers"):
        (tmp_path / name).mkdir()
    sources = f"""
    [agent]
    poll_seconds = 0.2
    [[agent.source]]
    type = "file"
    paths = ["{tmp_path}/logs/*.log", "{tmp_path}/containers/*.log"]
    """
    with Appliance(tmp_path, sources=sources) as appliance:
        yield appliance


def append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def found(appliance: Appliance, service: str) -> list[str]:
    return sorted(row["message"] for row in appliance.rows(f"service:{service}"))


def test_rotated_logs_lose_no_line(appliance: Appliance, tmp_path: Path) -> None:
    log, pod = tmp_path / "logs" / "app.log", tmp_path / "pods" / "0.log"
    append(pod, "one")
    (tmp_path / "containers" / "web.log").symlink_to("../pods/0.log")
    with log.open("a", buffering=1) as writer:
        writer.write("one\n")
        appliance.await_total(2)
        log.rename(tmp_path / "logs" / "app.log.1")
        append(log, "new")
        appliance.await_total(3)
        writer.write("late\n")
        appliance.await_total(4)

        assert appliance.agent.stop() == 0
        append(pod, "two")
        pod.rename(tmp_path / "pods" / "0.log.20261128")
        append(pod, "three")
        appliance.agent.start()
        appliance.await_total(6)
        # The agent knows the rotated file, and does not hold it open.
        writer.write("later\n")
        appliance.await_total(7)
    assert found(appliance, "app") == ["late", "later", "new", "one"]
    assert found(appliance, "web") == ["one", "three", "two"]

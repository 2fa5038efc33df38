"""`logpost status` on a box that runs, on one that is stopped, and beside a part that hangs."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logpost.cli import main
from logpost.scrape import samples
from logpost.status.gathering import COUNTERS, Look
from tests.support.appliance import Appliance


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    place = tmp_path_factory.mktemp("box")
    (place / "app.log").write_text("line\n" * 50)
    sources = f'[agent]\nhostname = "web-1"\n[[agent.source]]\ntype = "file"\npaths = ["{place}/app.log"]\n'
    sources += 'start = "beginning"\n'
    with Appliance(place, sources=sources, metrics=True) as running:
        running.await_total(50)
        yield running


def use(box: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in box.web.environment.items():
        if name.startswith("LOGPOST_"):
            monkeypatch.setenv(name, text)


def status(box: Appliance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    use(box, monkeypatch)
    assert main(["status", "--json", *box.web.arguments[1:]]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_of_a_box_that_runs(
    box: Appliance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (box.data / "log").mkdir(exist_ok=True)
    (box.data / "log" / "web.log").write_text(
        "2026-11-30T10:00:00Z INFO web: ready\n2026-11-30T10:00:01Z ERROR web: x\n"
    )
    found = status(box, monkeypatch, capsys)
    told = {"version", "at", "data", "parts", "rates", "lag", "hosts", "disk", "errors", "unread", "incomplete"}
    assert found.keys() == told
    assert found["unread"] == []
    parts = {part["part"]: part for part in found["parts"]}
    assert {name: part["state"] for name, part in parts.items()} == {
        "up": "not running",
        "broker": "running",
        "web": "running",
        "agent": "running",
    }
    assert parts["web"]["pid"] == box.web.process.pid
    assert parts["web"]["memory_bytes"] > 10_000_000
    assert parts["web"]["started"] <= found["at"]
    assert found["rates"] == {
        "read_lines_per_second": 0.0,
        "produced_bytes_per_second": 0.0,
        "indexed_rows_per_second": 0.0,
    }
    assert (found["lag"]["agent_bytes"], found["lag"]["indexer_records"]) == (0, 0)
    assert [(host["host"], host["lines"]) for host in found["hosts"]] == [("web-1", 50)]
    assert {Path(disk["path"]).name for disk in found["disk"]} >= {"broker", "store", "agent"}
    assert all(disk["used_bytes"] > 0 and disk["free_bytes"] < disk["total_bytes"] for disk in found["disk"])
    assert found["errors"] == [{"part": "web", "line": "2026-11-30T10:00:01Z ERROR web: x"}]
    assert main(["status", *box.web.arguments[1:]]) == 0
    shown = capsys.readouterr().out
    assert "web-1" in shown
    assert "50 lines in the last hour" in shown


def test_rates_are_by_the_time_at_which_each_part_was_asked() -> None:
    """The web asks the broker before it answers, which may take longer the first time."""
    before = Look({"agent": {COUNTERS["agent"]: [({}, 100.0)]}}, {}, {"web": 1.0, "agent": 5.0})
    after = Look({"agent": {COUNTERS["agent"]: [({}, 300.0)]}}, {}, {"web": 6.0, "agent": 7.0})
    assert (after.rate("agent", before), after.rate("web", before)) == (100.0, None)


def test_what_the_page_alerts_on_is_measured(box: Appliance) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "operate.md").read_text()
    alerts = page.partition("## What to alert on")[2].partition("\n## ")[0]
    wanted = set(re.findall(r"\blogpost_[a-z_]+", alerts))
    ports = (box.web.environment[f"LOGPOST_{name}_PORT"] for name in ("WEB", "BROKER_METRICS", "AGENT_METRICS"))
    served = {name for port in ports for name in samples(f"http://localhost:{port}/metrics", 60)}
    assert len(wanted) >= 12
    assert wanted - served == set()


def test_of_a_part_that_hangs(
    box: Appliance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pid = box.agent.process.pid
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    try:
        parts = {part["part"]: part for part in status(box, monkeypatch, capsys)["parts"]}
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (parts["agent"]["state"], parts["agent"]["detail"]) == ("stopped", f"by a signal: kill -CONT {pid}")


def health(box: Appliance, *part: str) -> int:
    return main(["health", *part, *box.web.arguments[1:]])


def test_parts_are_well_until_one_hangs_or_ends(
    box: Appliance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(box, monkeypatch)
    assert [health(box), *(health(box, part) for part in ("broker", "web", "agent"))] == [0, 0, 0, 0]
    assert capsys.readouterr().err == ""
    pid = box.broker.process.pid
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    try:
        assert health(box) == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    assert capsys.readouterr().err == "logpost: broker is stopped by a signal\n"
    assert box.agent.stop() == 0
    assert (health(box), health(box, "agent")) == (0, 1)
    assert capsys.readouterr().err == "logpost: agent does not run\n"


def test_of_a_box_that_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out.count("not running") == 4
    assert main(["health", "--data", str(tmp_path / "data")]) == 1
    assert capsys.readouterr().err == "logpost: no part of logpost runs here\n"

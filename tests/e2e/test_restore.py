"""A box that stopped for a backup, went on, and was put back: what the backup has is found, and so is all that comes
afterwards, from an agent that has gone on meanwhile too."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

from logpost.cli import main
from tests.support.processes import Part
from tests.web.indexer.test_away import Box


def test_lines_that_come_after_an_older_backup_was_restored_are_found(tmp_path: Path) -> None:
    box, log = Box(tmp_path), tmp_path / "app.log"
    config = tmp_path / "agent.toml"
    config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\nstart = "beginning"\n')
    log.write_text("".join(f"before {number}\n" for number in range(50)))
    settings = {"kafka.bootstrap_servers": box.bootstrap_servers, "agent.metrics_port": 0}
    elsewhere = ("--config", str(config), "--data", str(tmp_path / "other-host"))
    backup = tmp_path / "backup"
    with Part("agent", *elsewhere, settings=settings):
        with box.broker.start(), box.web.start():
            box.await_total(50, 120)
        assert main(["backup", str(backup), "--data", str(box.data)]) == 0
        with box.broker.start(), box.web.start():
            write(log, "meanwhile", 20)
            box.await_total(70, 120)
        assert names_a_version(box.data) == []
        shutil.rmtree(box.data)
        assert main(["restore", str(backup), "--data", str(box.data)]) == 0
        with box.broker.start(), box.web.start():
            box.await_ready()
            write(log, "after", 30)
            box.await_total(80, 120)
            found = sorted(row["message"].split()[0] for row in box.rows())
    assert (found.count("before"), found.count("after")) == (50, 30)


def write(log: Path, word: str, count: int) -> None:
    with log.open("a") as file:
        file.writelines(f"{word} {number}\n" for number in range(count))


def names_a_version(data: Path) -> list[str]:
    """Paths that the next release would not find."""
    release = version("logpost")
    return [
        str(path) for path in data.rglob("*") if release in path.name or "python" in path.name or "venv" in path.name
    ]

"""What the agent is to read and may not: its log, `logpost status` and `logpost doctor` say so."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from logpost.agent.sources.file.reports import REMEDY
from logpost.config import load
from logpost.doctor.checks.sources import judge
from logpost.doctor.gathering.machine import Machine
from logpost.doctor.gathering.sources import reader, sources
from tests.support.processes import Part, free_port, run

SOMEBODY = 54321
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups")
"""Root as any other user: what is another's is closed."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("setpriv", "journalctl"))), reason="needs root, setpriv, journalctl"
)


def closed(directory: Path, mode: int) -> Path:
    """Of another user, with a log in it that everybody may read."""
    directory.mkdir()
    (directory / "x.log").write_text("line\n")
    os.chown(directory, SOMEBODY, SOMEBODY)
    directory.chmod(mode)
    return directory


def test_directories_that_cannot_be_listed_and_a_journal_without_its_group(tmp_path: Path) -> None:
    unlisted, shut = closed(tmp_path / "unlisted", 0o711), closed(tmp_path / "shut", 0o700)
    journal = tmp_path / "root/var/log/journal/of-this-machine/system.journal"
    journal.parent.mkdir(parents=True)
    journal.touch(0o640)
    os.chown(journal, SOMEBODY, SOMEBODY)
    toml = "".join(f'[[agent.source]]\ntype = "file"\npaths = ["{place}/*.log"]\n' for place in (unlisted, shut))
    config = tmp_path / "logpost.toml"
    config.write_text(toml)
    settings = {"agent.metrics_port": 0, "kafka.bootstrap_servers": f"localhost:{free_port()}"}
    options = ("--config", str(config), "--data", str(tmp_path / "data"))
    with Part("agent", *options, settings=settings, inside=WITHOUT_RIGHTS).start() as agent:
        for place in (unlisted, shut):
            agent.await_line(f"what is in {place} is not read: it cannot be listed: Permission denied{REMEDY}")
        environment = {name: text for name, text in agent.environment.items() if name.startswith("LOGPOST_")}
        unread = json.loads(run("status", "--json", *options, environment=environment).stdout)["unread"]
        checks = json.loads(run("doctor", "--json", *options, environment=environment).stdout)["checks"]
        config.write_text('[[agent.source]]\ntype = "journal"\n')
        machine, pid = Machine(root=tmp_path / "root"), agent.process.pid
        who = reader(machine, pid, tmp_path, "")
        [of_journal] = judge(list(sources(machine, load(config, {}).config, pid, tmp_path, who)))
    told = [f"agent.source[{number}]: user root may not read {place}" for number, place in enumerate((unlisted, shut))]
    assert [line.partition(" → ")[0] for line in unread] == told
    assert all("adm reads most" in line for line in unread)
    assert [(one["state"], one["detail"]) for one in checks if one["check"] == "sources"] == [
        ("fail", line) for line in told
    ]
    assert of_journal.state == "fail" and "may not read the journal" in of_journal.detail
    assert "systemd-journal" in of_journal.remedy

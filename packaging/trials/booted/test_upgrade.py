"""The box, upgraded where systemd runs, while logs are written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.places import BUILD, version
from packages.build import build
from packages.recipe import BOX
from trials.booted.machine import Machine
from trials.booted.observing import entries, search, shown, until, write

NEXT = f"{version()}+next"
PER_TENTH = 200
"""2,000 lines a second."""
WRITER = f"""
$| = 1;
open(my $log, '>>', '/var/log/app.log');
$log->autoflush(1);
my $tenth = 0;
until (-e '/enough') {{
    print $log "numbat ${{\\($tenth * {PER_TENTH} + $_)}}\\n" for 0 .. {PER_TENTH - 1};
    $tenth++;
    select(undef, undef, undef, 0.1);
}}
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    tree = BUILD / "tree" / f"{BOX.tree}-amd64"
    if not tree.exists():
        pytest.skip("make package first")
    (made,) = build(replace(BOX, compression="none"), "amd64", NEXT, tree=tree, into=tmp_path, formats=("deb",))
    return made


def test_no_line_is_lost_or_found_twice(machine: Machine, newer: Path) -> None:
    machine.boot()
    before = shown(machine, "MainPID")
    write(machine, "/var/log/app.log", "begun", owner="root:adm", mode="640")
    until(lambda: search(machine, "begun"), "the log is read")
    machine.file("/writer").write_text(WRITER)
    (machine.changes / newer.name).hardlink_to(newer)
    machine.run("systemd-run --quiet --unit=writer perl -MIO::Handle /writer")
    machine.run(
        f"dpkg --install /{newer.name}; sleep 2; touch /enough; while systemctl is-active writer; do sleep 1; done"
    )
    assert shown(machine, "MainPID") != before
    assert NEXT in machine.run("readlink /proc/$(systemctl show -P MainPID logpost)/exe; dpkg-query --show logpost")
    lines = machine.file("/var/log/app.log").read_text().splitlines()[1:]
    assert len(lines) > 5 * 10 * PER_TENTH
    until(lambda: search(machine, f'"{lines[-1]}"'), "the last line")
    until(lambda: len(search(machine, "numbat")) >= len(lines), "all lines")
    assert Counter(search(machine, "numbat")) == Counter(lines)
    assert entries(machine, "--priority=warning") == []

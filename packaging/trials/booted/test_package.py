"""The agent's package where systemd runs: installed, upgraded, removed, purged, and replaced by the box."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.places import BUILD, version
from packages.build import build
from packages.recipe import AGENT, BOX
from trials.booted.conftest import package_of
from trials.booted.machine import Machine, bootable
from trials.booted.observing import drop_in, listed, search, shown, until, write

NEXT = f"{version()}+next"
UNIT = "logpost-agent"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Machine]:
    """Booted, with the agent's packages of this version and of a next one in `/packages`."""
    package = package_of(AGENT)
    made = Machine(tmp_path / "machine", [bootable(os.environ.get("SUITE", "bookworm"))])
    packages = made.changes / "packages"
    packages.mkdir()
    shutil.copy(package, packages / "old.deb")
    tree = BUILD / "tree" / f"{AGENT.tree}-amd64"
    (newer,) = build(replace(AGENT, compression="none"), "amd64", NEXT, tree=tree, into=tmp_path, formats=("deb",))
    newer.rename(packages / "new.deb")
    try:
        made.boot()
        yield made
    finally:
        made.remove()
        shutil.rmtree(tmp_path / "machine")


def states(machine: Machine) -> tuple[str, str]:
    """Whether it runs, and whether it is enabled."""
    return shown(machine, "ActiveState", UNIT), shown(machine, "UnitFileState", UNIT)


def test_it_runs_when_it_is_installed_and_the_new_version_when_it_is_upgraded(bare: Machine) -> None:
    """Without a broker, which is no reason not to."""
    bare.run("dpkg --install /packages/old.deb")
    assert states(bare) == ("active", "enabled")
    before = shown(bare, "MainPID", UNIT)
    drop_in(bare, UNIT, "Environment=TRIAL=1")
    bare.run("dpkg --install /packages/new.deb")
    assert states(bare) == ("active", "enabled")
    assert shown(bare, "MainPID", UNIT) != before
    assert bare.run("readlink /proc/$(systemctl show -P MainPID logpost-agent)/exe") == bare.run(
        "readlink -f /usr/lib/logpost/current/bin/logpost"
    )
    assert shown(bare, "Environment", UNIT) == "TRIAL=1"
    bare.run("dpkg --remove logpost-agent")
    assert listed(bare) == []
    assert (
        bare.run(
            "dpkg --purge logpost-agent >/dev/null; systemctl list-units --failed --no-legend 'logpost*'; dpkg --audit"
        )
        == ""
    )


@pytest.mark.parametrize(
    ("change", "after"), [("stop", "enabled"), ("disable --now", "disabled"), ("mask --now", "masked")]
)
def test_what_does_not_run_stays_so(change: str, after: str, bare: Machine) -> None:
    bare.run(f"dpkg --install /packages/old.deb; systemctl {change} {UNIT}; dpkg --install /packages/new.deb")
    assert states(bare) == ("inactive", after)


def test_the_box_takes_the_agents_place(bare: Machine) -> None:
    write(bare, "/var/log/app.log", "begun", owner="root:adm", mode="640")
    bare.run("dpkg --install /packages/old.deb")
    write(bare, "/var/log/app.log", "quokka of the agent")
    shutil.copy(package_of(BOX), bare.file("/packages/box.deb"))
    bare.run("dpkg --install /packages/box.deb")
    assert listed(bare) == [BOX.unit]
    assert shown(bare, "ActiveState") == "active"
    write(bare, "/var/log/app.log", "quokka of the box")
    until(lambda: len(search(bare, "quokka")) == 2, "what either of them was to ship")

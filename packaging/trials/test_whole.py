"""Packages of the real trees, whose services run: lines written on a host are found, through an upgrade and a change
from the agent to the box. Takes minutes; skipped where `make package` has made none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.places import BUILD, DIST, version
from packages.build import build
from packages.recipe import AGENT, BOX, Package
from trials.conftest import NewHost
from trials.hosts import Host

NEXT = f"{version()}+next"
LINES = 20_000
PER_TENTH = 200
"""2,000 lines a second."""

WRITER = f"""
cat >/writer <<'END'
$| = 1;
open(my $log, '>>', '/var/log/app/app.log');
$log->autoflush(1);
for my $tenth (1 .. {LINES // PER_TENTH}) {{
    print $log "the line ${{\\($tenth * 1000 + $_)}} of many\\n" for 1 .. {PER_TENTH};
    select(undef, undef, undef, 0.1);
}}
END
mkdir -p /var/log/app; chgrp adm /var/log/app; chmod 2750 /var/log/app
umask 027
"""

FOUND = f"""
found() {{ logpost search '"of many"' --json --limit 1000000 2>/dev/null | wc -l; }}
for _ in $(seq 600); do [ "$(found)" -ge {LINES} ] && break; sleep 0.5; done
echo found $(found)
"""


def package_of(package: Package) -> Path:
    path = DIST / f"{package.name}_{version()}_amd64.deb"
    if not path.exists():
        pytest.skip("make package first")
    return path


@pytest.fixture
def real(host: NewHost) -> Host:
    """A host whose systemctl starts what a unit names, and whose settings name one source."""
    one = host(booted=True)
    one.file("/run/stub/real").touch()
    one.file("/etc/logpost").mkdir()
    one.file("/etc/logpost/logpost.toml").write_text(
        '[[agent.source]]\ntype = "file"\npaths = ["/var/log/app/*.log"]\nstart = "beginning"\n'
    )
    return one


def next_version(package: Package, directory: Path) -> Path:
    """The same tree under a newer version; the box without the agent's packages."""
    tree = BUILD / "tree" / f"{package.tree}-amd64"
    uncompressed = replace(package, compression="none")
    (made,) = build(uncompressed, "amd64", NEXT, tree=tree, into=directory, formats=("deb",))
    return made


def lay(host: Host, *packages: Path) -> str:
    for package in packages:
        shutil.copy(package, host.file(f"/packages/{package.name}"))
    return " ".join(f"/packages/{package.name}" for package in packages)


def test_no_line_is_lost_by_an_upgrade(real: Host, tmp_path: Path) -> None:
    old, new = package_of(BOX), next_version(BOX, tmp_path)
    lay(real, old, new)
    said = real.run(
        f"{WRITER} dpkg --force-confold -i /packages/{old.name} >/dev/null\n"
        f"perl -MIO::Handle /writer & sleep 2; dpkg -i /packages/{new.name} >/dev/null\n"
        f"readlink -f /proc/$(cat /run/stub/logpost.service.pid)/exe; wait; {FOUND} systemctl stop {BOX.unit}",
        timeout=1800,
    )
    assert said.splitlines()[-1] == f"found {LINES}"
    assert real.file("/run/stub/calls").read_text().count("try-restart") == 1


def test_the_box_goes_on_where_the_agent_was(real: Host) -> None:
    """An agent beside a broker; then the box in its place: each line once."""
    agent, box = package_of(AGENT), package_of(BOX)
    lay(real, agent, box)
    said = real.run(
        f"{WRITER} dpkg --force-confold -i /packages/{agent.name} >/dev/null\n"
        f"perl -MIO::Handle /writer & sleep 2; dpkg -i /packages/{box.name} >/dev/null; dpkg --purge {AGENT.name}\n"
        f"wait; {FOUND} stat -c %U /var/lib/logpost/agent; systemctl stop {BOX.unit}",
        timeout=1800,
    )
    assert said.splitlines()[-2:] == [f"found {LINES}", "logpost"]

"""An install or upgrade that is cut off, or finds no room: what ran goes on, and the next try is as the first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from packages.recipe import AGENT
from trials.conftest import NEW, OLD, Made, NewHost
from trials.hosts import Host

CUT = "kill -KILL -$(cat /run/dpkg.pid)"
"""Ends dpkg and its scripts, as a lost connection or a lack of memory does."""
POINTS = {
    "the users": ("getent", CUT),
    "half of the files": (
        "dpkg-deb",
        'case "$*" in *--fsys-tarfile*) ;; *) exec /usr/bin/dpkg-deb "$@" ;; esac\n'
        f'/usr/bin/dpkg-deb "$@" | head -c 50000; until [ -e {{files}} ]; do sleep 0.05; done; {CUT}',
    ),
    "half of the links": ("cp", f'for new in "$@"; do :; done; mkdir "$new/bin"; {CUT}'),
    "all but the change": ("mv", CUT),
    "the change": ("mv", f'/usr/bin/mv "$@"; {CUT}'),
    "all but the start": ("deb-systemd-invoke", CUT),
}
"""What is done when it is cut off → a program that dpkg or a script calls then, and what it does in its place."""
ROOM = "mount -t tmpfs -o size={}k tmpfs /usr/lib/logpost"
FITS_ONE = 20
"""Kilobytes: a toy tree has 12."""


def cut_off(host: Host, point: str, package: Path) -> None:
    program, body = POINTS[point]
    directory = host.file("/cut")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    files = f"/usr/lib/logpost/{package.name.split('_')[1]}"
    (directory / program).write_text(f"#!/bin/sh\n{body.format(files=files)}\n")
    (directory / program).chmod(0o755)
    shutil.copy(package, host.file("/packages"))
    said = host.run(
        "PATH=/cut:$PATH setsid --wait "
        f"sh -c 'echo $$ >/run/dpkg.pid; exec dpkg -i /packages/{package.name}' && exit 9; echo $? >/run/status",
    )
    assert host.file("/run/status").read_text() == "137\n", said


def mend(host: Host, package: Path) -> None:
    """What every administrator and apt do next."""
    host.run("dpkg --configure -a", status=None)
    host.install(package)
    assert host.run("dpkg --audit") == ""
    assert host.active().keys() == {AGENT.unit}
    assert host.is_enabled(AGENT.unit)
    (only,) = host.file("/usr/lib/logpost/live").iterdir()
    assert host.active()[AGENT.unit] == f"/usr/lib/logpost/live/{only.name}"


@pytest.mark.parametrize("point", POINTS)
def test_cut_off_after(point: str, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    old, new = made(AGENT, OLD), made(AGENT, NEW)
    cut_off(one, point, old)
    mend(one, old)
    assert one.run("logpost --version") == f"{AGENT.name} {OLD}\n"
    running = one.active()
    cut_off(one, point, new)
    assert one.active() == running
    assert one.file(f"{running[AGENT.unit]}/lib/late").read_text() == f"{AGENT.name} {OLD}\n"
    whole = {f"{AGENT.name} {OLD}\n", f"{AGENT.name} {NEW}\n"}
    assert one.run("logpost --version") in whole
    mend(one, new)
    assert one.run("logpost --version") == f"{AGENT.name} {NEW}\n"


def test_no_room_for_the_files(made: Made, host: NewHost) -> None:
    one = host(booted=True)
    old, new = (made(AGENT, version) for version in (OLD, NEW))
    for package in (old, new):
        shutil.copy(package, one.file("/packages"))
    one.file("/usr/lib/logpost").mkdir()
    said = one.run(
        f"{ROOM.format(FITS_ONE // 4)}; "
        f"dpkg -i /packages/{old.name} && exit 9; umount /usr/lib/logpost; "
        f"{ROOM.format(FITS_ONE)}; dpkg -i /packages/{old.name} >/dev/null; logpost --version; "
        f"dpkg -i /packages/{new.name} && exit 9; logpost --version; "
        f"mount -o remount,size=1m /usr/lib/logpost; dpkg -i /packages/{new.name} >/dev/null; logpost --version; "
        "ls /usr/lib/logpost/live | wc -l; dpkg --audit"
    )
    assert said.count("No space left on device") == 2
    assert [line for line in said.splitlines() if line.startswith(f"{AGENT.name} 0")] == [
        f"{AGENT.name} {version}" for version in (OLD, OLD, NEW)
    ]
    assert said.endswith("\n1\n")


def test_no_room_for_the_links(made: Made, host: NewHost) -> None:
    """They take directories, and those take room."""
    one = host(booted=True)
    one.install(made(AGENT, OLD))
    running = one.active()
    shutil.copy(made(AGENT, NEW), one.file("/packages"))
    one.file("/full").mkdir()
    one.file("/full/cp").write_text('#!/bin/sh\nfor new in "$@"; do :; done\nmkdir "$new/bin"\nexit 1\n')
    one.file("/full/cp").chmod(0o755)
    said = one.run(f"PATH=/full:$PATH dpkg -i /packages/{made(AGENT, NEW).name} && exit 9; true")
    assert said.count("what ran before goes on") == 1
    assert one.active() == running
    assert one.run("logpost --version") == f"{AGENT.name} {OLD}\n"
    one.run("dpkg --configure -a")
    assert one.run("logpost --version") == f"{AGENT.name} {NEW}\n"
    assert one.active().keys() == {AGENT.unit}
    assert one.active() != running

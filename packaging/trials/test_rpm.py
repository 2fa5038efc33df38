"""What rpm makes of the packages: in a tree of Debian without Debian's helpers, since only the scripts matter."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from packages.recipe import AGENT, BOX, CONFIGURATION, PACKAGES, Package
from trials.conftest import NEW, OLD, Made, NewHost
from trials.hosts import ISOLATED, Host

pytestmark = pytest.mark.skipif(shutil.which("rpm") is None, reason="needs rpm")
EDITED = "# edited\n"


@pytest.fixture(params=PACKAGES.values(), ids=list(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    return found


@pytest.fixture
def red_hat(host: NewHost) -> Host:
    one = host(booted=True)
    one.run("rm /usr/bin/deb-systemd-*")
    return one


def rpm(host: Host, *arguments: object, status: int = 0) -> str:
    mounted = f'mount -t proc proc {host.tree}/proc && exec rpm --root {host.tree} --nodeps --nosignature "$@"'
    done = subprocess.run(
        [*ISOLATED, "sh", "-c", mounted, "sh", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def test_an_upgrade_restarts_once_and_keeps_what_was_edited(package: Package, made: Made, red_hat: Host) -> None:
    rpm(red_hat, "--install", made(package, OLD, "rpm"))
    assert red_hat.active().keys() == {package.unit}
    red_hat.run("runuser -u logpost-agent -- logpost config check")
    red_hat.file(CONFIGURATION).write_text(EDITED)
    red_hat.calls()
    rpm(red_hat, "--upgrade", made(package, NEW, "rpm"))
    assert red_hat.calls() == ["daemon-reload", f"try-restart {package.unit}"]
    assert red_hat.active().keys() == {package.unit}
    assert red_hat.is_enabled(package.unit)
    assert red_hat.run("logpost --version") == f"{package.name} {NEW}\n"
    assert red_hat.file(CONFIGURATION).read_text() == EDITED
    assert red_hat.run("ls /usr/lib/logpost").split() == [NEW, "current", "live"]


def test_a_removal_stops_disables_and_keeps_data_and_users(package: Package, made: Made, red_hat: Host) -> None:
    data = package.data[0]
    rpm(red_hat, "--install", made(package, OLD, "rpm"))
    red_hat.run(f"mkdir -p {data}; echo 1 >{data}/file")
    said = rpm(red_hat, "--erase", package.name)
    assert data in said
    assert red_hat.active() == {}
    assert not red_hat.is_enabled(package.unit)
    assert red_hat.file(f"{data}/file").exists()
    assert not red_hat.file("/usr/lib/logpost").exists()
    red_hat.run(f"getent passwd {' '.join(package.users)}")


def test_without_systemd_it_installs_and_goes(package: Package, made: Made, host: NewHost) -> None:
    image = host(booted=False)
    image.run("rm /usr/bin/deb-systemd-*")
    rpm(image, "--install", made(package, OLD, "rpm"))
    rpm(image, "--upgrade", made(package, NEW, "rpm"))
    assert image.run("logpost --version") == f"{package.name} {NEW}\n"
    rpm(image, "--erase", package.name)
    assert not image.file("/usr/lib/logpost").exists()


def test_two_packages_are_refused_and_one_follows_the_other(made: Made, red_hat: Host) -> None:
    agent, box = made(AGENT, OLD, "rpm"), made(BOX, OLD, "rpm")
    rpm(red_hat, "--install", agent)
    conflict = subprocess.run(
        ["rpm", "--root", red_hat.tree, "--install", "--test", box], capture_output=True, text=True, check=False
    )
    assert "conflicts with" in conflict.stderr
    rpm(red_hat, "--erase", AGENT.name)
    rpm(red_hat, "--install", box)
    assert red_hat.active().keys() == {BOX.unit}


SWAP = """
import os, sys, rpm

root, old, new = sys.argv[1:]
opened = []

def progress(what, amount, total, key, data):
    if what == rpm.RPMCALLBACK_INST_OPEN_FILE:
        opened.append(os.open(key, os.O_RDONLY))
        return opened[-1]
    if what == rpm.RPMCALLBACK_INST_CLOSE_FILE:
        os.close(opened.pop())

transaction = rpm.TransactionSet(root)
transaction.setVSFlags(-1)
package = os.open(new, os.O_RDONLY)
transaction.addInstall(transaction.hdrFromFdno(package), new, "i")
transaction.addErase(old)
sys.exit(1 if transaction.run(progress, "") else 0)
"""
PYTHON = "/usr/bin/python3"


def test_one_transaction_puts_the_box_in_the_agents_place(made: Made, red_hat: Host) -> None:
    """`dnf swap logpost-agent logpost`."""
    if subprocess.run([PYTHON, "-c", "import rpm"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs python3-rpm")
    rpm(red_hat, "--install", made(AGENT, OLD, "rpm"))
    red_hat.file(CONFIGURATION).write_text(EDITED)
    positions = red_hat.file("/var/lib/logpost/agent/positions.json")
    positions.parent.mkdir(parents=True)
    positions.write_text("{}\n")
    swap = f'mount -t proc proc {red_hat.tree}/proc && exec {PYTHON} -c "$@"'
    arguments = [SWAP, str(red_hat.tree), AGENT.name, str(made(BOX, OLD, "rpm"))]
    subprocess.run([*ISOLATED, "sh", "-c", swap, "sh", *arguments], check=True, timeout=300)
    assert red_hat.file(CONFIGURATION).read_text() == EDITED
    assert positions.read_text() == "{}\n"
    assert red_hat.active().keys() == {BOX.unit}
    assert red_hat.run("logpost --version") == f"{BOX.name} {OLD}\n"

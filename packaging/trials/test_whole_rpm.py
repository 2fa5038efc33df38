"""The rpms of the real trees, whose services run; in a tree of Debian without Debian's helpers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bundle.places import DIST, version
from packages.recipe import AGENT, BOX, Package
from trials.conftest import NewHost
from trials.hosts import ISOLATED, Host
from trials.test_whole import NEXT, SHELL, next_version

pytestmark = pytest.mark.skipif(shutil.which("rpm") is None, reason="needs rpm")


@pytest.fixture
def real(host: NewHost) -> Host:
    one = host(booted=True)
    one.run("rm /usr/bin/deb-systemd-*")
    one.file("/run/stub/real").touch()
    one.file("/inside").write_text(SHELL)
    return one


def package_of(package: Package) -> Path:
    path = DIST / f"{package.name}-{version()}-1.x86_64.rpm"
    if not path.exists():
        pytest.skip("make package first")
    return path


def run(host: Host, script: str) -> str:
    """Run a script where `rpm` is that of this machine on the host, and `inside` a command there. What it prints."""
    tree = host.tree
    prepared = f"""ip link set lo up; mount -t proc proc {tree}/proc; mount --rbind /sys {tree}/sys
        rpm() {{ command rpm --root {tree} --force-debian --nodeps --nosignature "$@"; }}
        inside() {{ chroot {tree} sh -ec ". /inside; $1"; }}
        {script}"""
    done = subprocess.run(
        [*ISOLATED, "sh", "-ec", prepared],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_agent_is_installed_upgraded_and_erased(real: Host, tmp_path: Path) -> None:
    old, new = package_of(AGENT), next_version(AGENT, tmp_path, "rpm")
    said = run(
        real,
        f"""rpm --install {old}; rpm --verify {AGENT.name}; inside 'logpost --version; ls /run/stub/active'
        inside 'echo "# edited" >>/etc/logpost/logpost.toml'
        rpm --upgrade {new}; rpm --verify {AGENT.name} | grep -v ' c ' || true
        inside 'logpost --version; ls /run/stub/active; tail -1 /etc/logpost/logpost.toml'
        inside 'readlink /proc/$(cat /run/stub/{AGENT.unit}.pid)/exe | grep -c $(readlink /usr/lib/logpost/current)'
        rpm --erase {AGENT.name}; inside 'ls /run/stub/active; ls -d /usr/lib/logpost /usr/bin/logpost || true'
        inside 'ls /etc/logpost; ls /var/lib/logpost'""",
    )
    assert [line for line in said.splitlines() if not line.startswith("warning:")] == [
        f"logpost {version()}",
        AGENT.unit,
        f"logpost {NEXT}",
        AGENT.unit,
        "# edited",
        "1",
        f"{AGENT.name}: settings in /etc/logpost, data in /var/lib/logpost/agent and the users stay",
        "ls: cannot access '/usr/lib/logpost': No such file or directory",
        "ls: cannot access '/usr/bin/logpost': No such file or directory",
        "logpost.toml.rpmsave",
        "agent",
    ], said


def test_the_box_finds_a_line(real: Host) -> None:
    real.file("/etc/logpost").mkdir()
    real.file("/etc/logpost/logpost.toml").write_text(
        '[[agent.source]]\ntype = "file"\npaths = ["/var/log/app/*.log"]\nstart = "beginning"\n'
    )
    said = run(
        real,
        f"""inside 'echo the line 1 of many >/var/log/app/app.log'
        rpm --install {package_of(BOX)}; rpm --verify {BOX.name} | grep -v ' c ' || true
        inside 'for _ in $(seq 300); do [ "$(found logpost)" = 0 ] || break; sleep 0.2; done
            echo found $(found logpost)'
        rpm --erase {BOX.name}; inside 'ls /run/stub/active; ls -d /usr/lib/logpost || true; ls /var/lib/logpost'""",
    )
    lines = [line for line in said.splitlines() if not line.startswith("warning:")]
    assert lines == [
        "found 1",
        f"{BOX.name}: settings in /etc/logpost, data in /var/lib/logpost and the users stay",
        "ls: cannot access '/usr/lib/logpost': No such file or directory",
        *("agent", "broker", "log", "store"),
    ], said

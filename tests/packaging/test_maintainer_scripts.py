"""The maintainer scripts in a directory that stands for `/`, with stubs of the programs that change a system.
`packaging/trials` runs them by dpkg and rpm in trees of Debian."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from packages.recipe import AGENT, BOX, PACKAGES, SCRIPTS, Package, script
from tests.test_layers import ROOT

VERSION = "0.1.0"
CHANGES = ("systemctl", "deb-systemd-helper", "deb-systemd-invoke", "useradd", "groupadd", "usermod")
TOOLS = ("cat", "cp", "grep", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "rmdir", "sh")
"""All that the scripts and the stubs need besides."""
STUB = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "$1" in
    is-active) grep -qx "${3:-$2}" "$ACTIVE" ;;
    is-enabled) true ;;
esac
"""


class Root:
    """A directory as `/`: a packaged tree, and what was called."""

    def __init__(self, directory: Path, package: Package, *, debian: bool, booted: bool = True) -> None:
        self.directory = directory
        self.package = package
        self.tree = directory / "usr/lib/logpost"
        self.lay(VERSION)
        if booted:
            (directory / "run/systemd/system").mkdir(parents=True)
        self._stubs = directory / "stubs"
        self._stubs.mkdir()
        for name in CHANGES:
            if debian or not name.startswith("deb-"):
                (self._stubs / name).write_text(STUB)
                (self._stubs / name).chmod(0o755)
        for name in TOOLS:
            (self._stubs / name).symlink_to(str(shutil.which(name)))
        (self._stubs / "getent").write_text('#!/bin/sh\ngrep -qx "$1 $2" "$KNOWN"\n')
        (self._stubs / "getent").chmod(0o755)
        (self._stubs / "id").write_text('#!/bin/sh\necho "$2 $GROUPS_OF"\n')
        (self._stubs / "id").chmod(0o755)
        for name in ("calls", "active", "known"):
            (directory / name).touch()

    def lay(self, version: str) -> None:
        """Unpack a version."""
        (self.tree / version / "bin").mkdir(parents=True, exist_ok=True)
        (self.tree / version / "bin/logpost").write_text(version)

    def take(self, version: str) -> None:
        """Delete a version's files."""
        (self.tree / version / "bin/logpost").unlink()
        (self.tree / version / "bin").rmdir()
        (self.tree / version).rmdir()

    def run(self, name: str, *arguments: str, version: str = VERSION, **environment: str) -> list[str]:
        """What a script called that changes a system."""
        body = (ROOT / "packaging/scripts" / f"{name}.sh").read_text()
        file = self.directory / name
        file.write_text(script(self.package, version, name, body))
        calls = self.directory / "calls"
        calls.write_text("")
        given = {"PATH": str(self._stubs), "DPKG_ROOT": str(self.directory), "CALLS": str(calls)}
        given |= {"ACTIVE": str(self.directory / "active"), "KNOWN": str(self.directory / "known"), "GROUPS_OF": ""}
        done = subprocess.run(
            ["/bin/sh", file, *arguments],
            env=given | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stdout + done.stderr
        asked = (line for line in calls.read_text().splitlines() if not re.search(r" is-| --quiet was-", line))
        return list(asked)

    def running(self) -> str:
        """The version that a command runs."""
        return (self.tree / "current/bin/logpost").read_text()

    def live(self) -> list[str]:
        return sorted(path.name.partition(".")[0] for path in (self.tree / "live").glob("*"))


@pytest.fixture(params=PACKAGES.values(), ids=list(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    return found


@pytest.fixture
def debian(tmp_path: Path, package: Package) -> Root:
    return Root(tmp_path, package, debian=True)


@pytest.fixture
def red_hat(tmp_path: Path, package: Package) -> Root:
    return Root(tmp_path, package, debian=False)


def test_a_first_installation_enables_and_starts(debian: Root) -> None:
    calls = debian.run("postinst", "configure", "")
    unit = debian.package.unit
    assert calls == [f"deb-systemd-helper enable {unit}", "systemctl daemon-reload", f"deb-systemd-invoke start {unit}"]
    assert debian.running() == VERSION


def test_an_upgrade_restarts_once_what_runs(debian: Root) -> None:
    unit = debian.package.unit
    debian.run("postinst", "configure", "")
    (debian.directory / "active").write_text(f"{unit}\n")
    debian.lay("0.1.1")
    debian.take(VERSION)
    assert debian.running() == VERSION
    calls = debian.run("postinst", "configure", VERSION, version="0.1.1")
    assert calls[1:] == ["systemctl daemon-reload", f"deb-systemd-invoke try-restart {unit}"]
    assert debian.running() == "0.1.1"
    assert debian.live() == [debian.package.name]


def test_an_upgrade_starts_nothing(debian: Root) -> None:
    debian.run("postinst", "configure", "")
    assert debian.run("postinst", "configure", VERSION)[1:] == ["systemctl daemon-reload"]


def test_without_systemd_nothing_is_called_but_the_helper(tmp_path: Path, package: Package) -> None:
    image = Root(tmp_path, package, debian=True, booted=False)
    assert image.run("postinst", "configure", "") == [f"deb-systemd-helper enable {package.unit}"]
    assert image.run("prerm", "remove") == []
    assert image.run("postrm", "remove") == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("prerm", ["upgrade", "0.1.1"]),
        ("prerm", ["failed-upgrade", "0.1.0"]),
        ("prerm", ["deconfigure", "in-favour", "logpost", "0.1.0"]),
        ("prerm", ["1"]),
        ("postrm", ["upgrade", "0.1.1"]),
        ("postrm", ["failed-upgrade", "0.1.0"]),
        ("postrm", ["abort-install"]),
        ("postrm", ["abort-upgrade", "0.1.0"]),
        ("postrm", ["1"]),
        ("preinst", ["abort-upgrade", "0.1.0"]),
        ("postinst", ["abort-upgrade", "0.1.0"]),
        ("postinst", ["triggered", "x"]),
    ],
    ids=str,
)
def test_what_is_no_install_and_no_removal_changes_nothing(name: str, arguments: list[str], debian: Root) -> None:
    data = debian.directory / debian.package.data[0].lstrip("/")
    data.mkdir(parents=True)
    debian.run("postinst", "configure", "")
    before = sorted(debian.tree.rglob("*"))
    assert debian.run(name, *arguments) == []
    assert sorted(debian.tree.rglob("*")) == before
    assert data.exists()


def test_a_removal_stops_and_leaves_nothing_beside_the_package(debian: Root) -> None:
    debian.run("postinst", "configure", "")
    units = " ".join(debian.package.units)
    assert debian.run("prerm", "remove") == [f"deb-systemd-invoke stop {units}"]
    debian.take(VERSION)
    assert list(debian.tree.iterdir()) == []
    assert debian.run("postrm", "remove") == ["systemctl daemon-reload"]


def test_an_rpm_follows_the_presets_and_is_stopped_with_its_last_package(red_hat: Root) -> None:
    unit, units = red_hat.package.unit, " ".join(red_hat.package.units)
    assert red_hat.run("postinst", "1") == [
        f"systemctl preset {unit}",
        "systemctl daemon-reload",
        f"systemctl start {unit}",
    ]
    (red_hat.directory / "active").write_text(f"{unit}\n")
    assert red_hat.run("postinst", "2") == ["systemctl daemon-reload", f"systemctl try-restart {unit}"]
    assert red_hat.run("prerm", "0") == [f"systemctl disable --now {units}"]
    assert red_hat.run("postrm", "0") == ["systemctl daemon-reload"]
    assert red_hat.package.data[0] in red_hat.said


def test_an_apk_has_versions_for_arguments(tmp_path: Path, package: Package) -> None:
    container = Root(tmp_path, package, debian=False, booted=False)
    container.run("preinst", "0.1.0-r0")
    container.run("postinst", "0.1.0-r0")
    assert container.running() == VERSION
    container.run("postinst", "0.1.1-r0", "0.1.0-r0")
    container.run("prerm", "0.1.1-r0")
    container.take(VERSION)
    container.run("postrm", "0.1.1-r0")
    assert list(container.tree.iterdir()) == []


def test_users_are_made_once(debian: Root) -> None:
    users = debian.package.users
    made = debian.run("preinst", "install")
    assert [line for line in made if line.startswith("useradd")][-1].endswith(users[-1])
    known = [f"{kind} {name}" for name in users for kind in ("group", "passwd")]
    (debian.directory / "known").write_text("\n".join(known) + "\n")
    assert debian.run("preinst", "upgrade", VERSION, GROUPS_OF="logpost-agent") == []


def test_a_purge_deletes_the_data_and_says_who_stays(debian: Root) -> None:
    debian.run("postinst", "configure", "")
    directories = [debian.directory / name.lstrip("/") for name in debian.package.data]
    for directory in directories:
        (directory / "deep").mkdir(parents=True)
    debian.run("prerm", "remove")
    debian.take(VERSION)
    debian.run("postrm", "remove")
    assert all(directory.exists() for directory in directories)
    debian.run("postrm", "purge")
    assert not any(directory.exists() for directory in directories)
    assert f"users and groups ({' '.join(debian.package.users)}) stay" in debian.said


def test_a_purge_of_the_agent_leaves_the_data_of_the_box(tmp_path: Path) -> None:
    agent = Root(tmp_path, AGENT, debian=True)
    data = tmp_path / "var/lib/logpost/agent"
    data.mkdir(parents=True)
    assert agent.run("postrm", "purge") == []
    assert data.exists()


def test_a_removal_leaves_the_tree_of_the_other_package(tmp_path: Path) -> None:
    """rpm installs the box before it takes the agent away."""
    agent = Root(tmp_path / "a", AGENT, debian=False)
    agent.run("postinst", "1")
    agent.package = BOX
    agent.run("postinst", "1")
    agent.package = AGENT
    agent.run("prerm", "0")
    agent.run("postrm", "0")
    assert agent.running() == VERSION
    assert agent.live() == ["logpost"]


def test_a_copy_that_fails_leaves_what_ran(debian: Root) -> None:
    debian.run("postinst", "configure", "")
    debian.lay("0.1.1")
    copy = debian.directory / "stubs/cp"
    real = copy.readlink()
    copy.unlink()
    copy.symlink_to("/bin/false")
    with pytest.raises(AssertionError, match="what ran before goes on"):
        debian.run("postinst", "configure", VERSION, version="0.1.1")
    assert debian.running() == VERSION
    copy.unlink()
    copy.symlink_to(real)
    debian.run("postinst", "configure", VERSION, version="0.1.1")
    assert debian.running() == "0.1.1"
    assert debian.live() == [debian.package.name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_walks_the_data_or_deletes_a_user(name: str) -> None:
    text = (ROOT / "packaging/scripts" / f"{name}.sh").read_text()
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert re.findall(r"\b(?:chown|chmod|chgrp|find|xargs|userdel|groupdel|deluser|delgroup)\b", code) == []
    assert re.search(r'^case "\$1" in$', code, flags=re.MULTILINE)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_what_a_small_shell_understands(name: str, tmp_path: Path) -> None:
    body = (ROOT / "packaging/scripts" / f"{name}.sh").read_text()
    file = tmp_path / name
    file.write_text(script(BOX, VERSION, name, body))
    shells = [shell for shell in ("dash", "busybox", "bash") if (Path("/bin") / shell).exists()]
    for shell in shells:
        command = [shell, "sh"] if shell == "busybox" else [shell]
        subprocess.run([*command, "-n", file], check=True, env={"PATH": os.defpath}, timeout=60)

"""The commands of docs/operate.md and docs/install.md, as they are written and in their order: a broker stands for the
service, and what is installed or purged is only said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from logpost.config import load
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
OPERATE, INSTALL = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("operate", "install"))
SECONDS = 120

SYSTEMCTL = """#!/bin/sh
# A service of one unit: `logpost broker`, as a process of its own.
case "$1" in
    start)
        logpost broker </dev/null >"$SERVICE.log" 2>&1 &
        echo $! >"$SERVICE.pid"
        until grep -q "broker: ready" "$SERVICE.log"; do kill -0 $! && sleep 0.1 || exit 1; done ;;
    stop)
        pid=$(cat "$SERVICE.pid") && kill "$pid" && tail -f -s 0.05 /dev/null --pid="$pid" ;;
    restart) "$0" stop && "$0" start ;;
    daemon-reload | status) ;;
    *) echo "systemctl $*: not in this test" >&2; exit 1 ;;
esac
"""
APT_GET = """#!/bin/sh
echo "$*" >>"$SERVICE.apt"
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("apt-get", APT_GET)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / "logpost").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m logpost "$@" --config {tmp_path}/etc/logpost.toml\n'
    )
    (programs / "logpost").chmod(0o755)
    port = free_port()
    given = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LOGPOST_")},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SERVICE": str(tmp_path / "service"),
        "LOGPOST_BROKER_PORT": str(port),
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{port}",
        "LOGPOST_WEB_PORT": str(free_port()),
        "LOGPOST_BROKER_METRICS_PORT": "0",
        "LOGPOST_AGENT_METRICS_PORT": "0",
    }
    yield given
    sh("systemctl stop logpost || true", tmp_path, given)


def blocks(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)


def sh(script: str, directory: Path, environment: Mapping[str, str]) -> str:
    """What it prints. Its end is that of its first command that fails."""
    ended = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def here(block: str, directory: Path) -> str:
    """The block with this test's directories."""
    for place in ("/var/lib", "/mnt/backup", "/srv", "/etc/systemd"):
        block = block.replace(f"{place}/", f"{directory}{place}/")
    return block.replace("/etc/logpost/", f"{directory}/etc/")


@pytest.mark.skipif(shutil.which("tail") is None, reason="needs tail with --pid, of coreutils")
def test_the_commands_of_operation(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "etc").mkdir()
    data = tmp_path / "var" / "lib" / "logpost"
    data.mkdir(parents=True, mode=0o750)
    for directory in (data / "store", tmp_path / "srv" / "logpost"):
        directory.mkdir(parents=True)  # where the other disk is mounted
    (tmp_path / "etc" / "logpost.toml").write_text("[broker]\n")
    (tmp_path / "etc" / "logpost.toml").chmod(0o640)
    environment["LOGPOST_DATA"] = str(data)
    sh("systemctl start logpost; logpost topics produce letters 'a letter'", tmp_path, environment)
    for block in blocks(OPERATE):
        if "/srv/logpost" in block:
            del environment["LOGPOST_DATA"]  # from now on the file says it
        sh(here(block, tmp_path), tmp_path, environment)
        if "restore" in block or "/srv/logpost" in block:
            assert sh("logpost topics consume letters", tmp_path, environment) == "a letter\n"
    assert (tmp_path / "support.tar.gz").exists()
    assert (tmp_path / "srv" / "logpost" / "broker" / "metadata.json").exists()
    [file] = (tmp_path / "etc").glob("*.toml*")  # passwords may be in it
    assert (file.name, file.stat().st_mode & 0o777) == ("logpost.toml", 0o640)
    assert (tmp_path / "service.apt").read_text().splitlines() == [
        "install ./logpost_0.1.0_amd64.deb",
        "remove logpost",
        "purge logpost",
    ]


@pytest.mark.skipif(shutil.which("tail") is None, reason="needs tail with --pid, of coreutils")
def test_the_commands_of_installation(tmp_path: Path, environment: dict[str, str]) -> None:
    """The archive has the tree of one that is built, and the program of this test; pip fetches nothing here."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "logpost.toml").write_text(settings_of_an_agent())
    program = tmp_path / "logpost-agent-0.1.0" / "bin" / "logpost"
    program.parent.mkdir(parents=True)
    program.symlink_to(tmp_path / "bin" / "logpost")
    pip = tmp_path / "logpost-environment" / "bin" / "pip"
    (tmp_path / "bin" / "python3").write_text(
        f'#!/bin/sh\nmkdir -p "{pip.parent}" && cp "{tmp_path}/bin/apt-get" "{pip}"\n'
    )
    (tmp_path / "bin" / "python3").chmod(0o755)
    archive = "logpost-agent-0.1.0-linux-amd64.tar.gz"
    sh(f"tar -czf {archive} logpost-agent-0.1.0 && rm -r logpost-agent-0.1.0", tmp_path, environment)
    environment["LOGPOST_DATA"] = str(tmp_path / "data")
    sh("systemctl start logpost", tmp_path, environment)
    for block in blocks(INSTALL):
        sh(here(block, tmp_path), tmp_path, environment)
    assert (tmp_path / "service.apt").read_text().splitlines() == [
        "install ./logpost_0.1.0_amd64.deb",
        "install ./logpost-agent_0.1.0_amd64.deb",
        "install logpost[server]",
    ]


def settings_of_an_agent() -> str:
    """What the page says for a host; here its files and its journal are nothing that a test may read."""
    texts: list[str] = re.findall(r"^```toml\n(.*?)^```", INSTALL, flags=re.DOTALL | re.MULTILINE)
    return texts[1].partition("[[agent.source]]")[0]


def test_settings_in_recipes_for_many_hosts_load(tmp_path: Path) -> None:
    recipes = re.findall(r"content: \|\n((?: +\S.*\n|\n)+)", INSTALL)
    assert len(recipes) == 2
    for recipe in recipes:
        (tmp_path / "logpost.toml").write_text(textwrap.dedent(recipe.partition("notify:")[0]))
        assert load(tmp_path / "logpost.toml", {}).config.kafka.bootstrap_servers == "logs.example.org:9092"

"""The four commands of docs/quickstart.md, as they are written, in an empty directory."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)\n```", PAGE, flags=re.DOTALL | re.MULTILINE)
[SHOWN] = re.findall(r"^You see:\n\n```\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE)
[PROGRAM] = re.findall(r"^```python\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE)
SECONDS = 120
A_CENTURY_AHEAD = time.time() + 100 * 365 * 86_400


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Free ports, a data directory of the test's own, and no second environment of 0.7 GB: make finds one that is
    installed already, and newer than anything."""
    found, port = Path(sys.prefix), free_port()
    missing = [name for name in ("git", "make") if shutil.which(name) is None]
    if missing or not (ROOT / ".git").exists() or not (found / "bin" / "logpost").exists():
        pytest.skip("needs git, make, a git checkout and an environment with logpost")
    venv = tmp_path / "environment"
    venv.mkdir()
    (venv / "bin").symlink_to(found / "bin")
    for stamp in (venv / "made", venv / "installed-server"):
        stamp.touch()
        os.utime(stamp, (A_CENTURY_AHEAD, A_CENTURY_AHEAD))
    git = tmp_path / "gitconfig"  # the checkout may be another user's
    git.write_text(f"[safe]\n\tdirectory = {ROOT}\n\tdirectory = {ROOT}/.git\n")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LOGPOST_", "MAKE"))},
        "LOGPOST_BROKER_PORT": str(port),
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{port}",
        "LOGPOST_WEB_PORT": str(free_port()),
        "LOGPOST_BROKER_METRICS_PORT": "0",
        "LOGPOST_AGENT_METRICS_PORT": "0",
        "LOGPOST_DATA": str(tmp_path / "data"),
        "GIT_CONFIG_GLOBAL": str(git),
        "MAKEFLAGS": f"-- VENV={venv}",
    }


@contextmanager
def started(command: str, directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """The command runs in the foreground of its own terminal; Ctrl-C ends it."""
    with subprocess.Popen(
        ["sh", "-c", command], cwd=directory, env=environment, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stderr is not None
        said = []
        too_long = threading.Timer(SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        too_long.start()
        try:
            for line in process.stderr:
                said.append(line)
                if "logpost is up: " in line:
                    break
            else:
                raise AssertionError("".join(said))
            too_long.cancel()
            yield
        finally:
            too_long.cancel()
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=SECONDS)


def test_the_page_has_four_commands() -> None:
    assert len(COMMANDS) == 4
    assert all("\n" not in command for command in COMMANDS)


def test_four_commands_bring_the_first_message(tmp_path: Path, environment: dict[str, str]) -> None:
    download_and_start, *others = COMMANDS
    assert "<this repository>" in download_and_start
    with started(download_and_start.replace("<this repository>", str(ROOT)), tmp_path, environment):
        checkout = tmp_path / "logpost"
        (checkout / ".venv").symlink_to(sys.prefix)
        for command in others:
            ended = subprocess.run(
                ["sh", "-c", command],
                cwd=checkout,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
        assert ended.stdout == SHOWN
        servers = environment["LOGPOST_KAFKA_BOOTSTRAP_SERVERS"]
        program = PROGRAM.replace("localhost:9092", servers)
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS)
        assert printed.stdout == SHOWN + SHOWN.replace("first", "second"), printed.stderr

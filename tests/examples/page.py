"""A page under examples/: its commands, run as they are written, and what it says that they print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 120.0


class Page:
    """`examples/NAME.md`, whose commands run in a directory that has `examples` and `.venv` like a checkout."""

    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        text = (EXAMPLES / f"{name}.md").read_text()
        blocks: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
        self.commands = [line for language, block in blocks if language == "sh" for line in block.splitlines()]
        self.shown = [block for language, block in blocks if language == ""]
        self.directory = directory
        self._environment = {**os.environ, **environment}
        (directory / "examples").symlink_to(EXAMPLES)
        (directory / ".venv" / "bin").mkdir(parents=True)
        self._script("python", f'exec {sys.executable} "$@"')
        self._script("logpost", f'exec {sys.executable} -m logpost "$@"')

    def _script(self, name: str, text: str) -> None:
        """Stands for the command of that name in the environment that runs the tests."""
        script = self.directory / ".venv" / "bin" / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """To its end, whatever that is."""
        return subprocess.run(
            command,
            shell=True,
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def output(self, command: str) -> str:
        """What it prints; it has to succeed."""
        ended = self.run(command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextmanager
    def running(self, command: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until Ctrl-C, which comes at the end of the block; then it has to end with success."""
        process = subprocess.Popen(
            f"exec {command}",
            shell=True,
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        too_long = threading.Timer(
            SECONDS, process.kill
        )  # the thread that waits for its output then reads the end of it
        too_long.start()
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
            finally:
                too_long.cancel()
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=SECONDS)
        assert process.returncode in (0, -signal.SIGKILL)


def await_output(process: subprocess.Popen[str], enough: Callable[[list[str]], bool]) -> list[str]:
    """Its lines, until they are enough."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if enough(lines):
            return lines
    raise AssertionError("\n".join(lines))

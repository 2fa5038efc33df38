"""Where things lie, which version is built, and what time its files bear."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
BUILD = PACKAGING / "build"
DIST = BUILD / "dist"

PYTHON = "3.13"
GLIBC = (2, 28)
"""The oldest C library that a tree runs on: Debian 10, Ubuntu 18.10, RHEL 8."""


@dataclass(frozen=True)
class Target:
    """A processor, under the names that Debian, compilers and OpenSSL have for it."""

    arch: str
    machine: str

    @property
    def triple(self) -> str:
        return f"{self.machine}-linux-gnu"


TARGETS = {target.arch: target for target in (Target("amd64", "x86_64"), Target("arm64", "aarch64"))}
NATIVE = next(target for target in TARGETS.values() if target.machine == os.uname().machine)


def project() -> dict[str, object]:
    """The table `[project]` of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def version() -> str:
    return str(project()["version"])


def epoch() -> int:
    """Seconds since 1970 that every file bears: SOURCE_DATE_EPOCH, else the time of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

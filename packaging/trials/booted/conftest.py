"""Machines that have logpost installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle.places import DIST, version
from packages.recipe import BOX, Package
from trials.booted.machine import Machine, installed


def package_of(package: Package) -> Path:
    path = DIST / f"{package.name}_{version()}_amd64.deb"
    if os.geteuid() != 0:
        pytest.skip("boots systemd: needs root")
    if not path.exists():
        pytest.skip("make package first")
    return path


@pytest.fixture(scope="session")
def layers() -> list[Path]:
    """With the box installed, not started."""
    return installed(package_of(BOX), os.environ.get("SUITE", "bookworm"))


@pytest.fixture
def machine(layers: list[Path], tmp_path: Path) -> Iterator[Machine]:
    """Switched off, with the box to be started at boot."""
    made = Machine(tmp_path / "machine", layers)
    try:
        yield made
    finally:
        made.remove()
        shutil.rmtree(tmp_path / "machine")

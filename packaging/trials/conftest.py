"""Packages of a toy tree in two versions, and hosts to install them on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from packages.build import build
from packages.recipe import AGENT, BOX, Package
from trials.hosts import Host

OLD, NEW, NEWER = "0.1.0", "0.1.1", "0.1.2"

LOGPOST = """#!/bin/sh
# Reads its settings as any command does, and `wait` a file of its tree late, as Python imports late.
here=$(dirname "$(readlink -f "$0")")
case "$1" in
    config) cat /etc/logpost/logpost.toml >/dev/null && exit 0 || exit 1 ;;
    wait) while [ ! -e /run/asked ]; do sleep 0.05; done; exec cat "$here/../lib/late" ;;
    *) exec cat "$here/../lib/late" ;;
esac
"""


@dataclass(frozen=True)
class Made:
    directory: Path

    def __call__(self, package: Package, version: str, suffix: str = "deb") -> Path:
        (found,) = (self.directory / package.name / version).glob(f"*.{suffix}")
        return found


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The package of each kind, version and format."""
    if os.geteuid() != 0:
        pytest.skip("installs packages: needs root")
    directory = tmp_path_factory.mktemp("made")
    for package, commands in ((AGENT, "agent"), (BOX, "agent up")):
        for version in (OLD, NEW, NEWER):
            tree = toy_tree(directory / "trees" / package.name / version, version, commands.split())
            into = directory / package.name / version
            build(package, "amd64", version, tree=tree, into=into, stage_in=directory / "stage")
    return Made(directory)


def toy_tree(tree: Path, version: str, commands: list[str]) -> Path:
    metadata = tree / f"lib/python3.13/site-packages/logpost-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[logpost.commands]\n" + "".join(f"{name} = a:b\n" for name in commands))
    (tree / "lib/late").write_text(f"{tree.parent.name} {version}\n")
    (tree / "bin").mkdir()
    (tree / "bin/logpost").write_text(LOGPOST)
    (tree / "bin/logpost").chmod(0o755)
    return tree


NewHost = Callable[..., Host]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[NewHost]:
    """Makes a host: `host(booted=True)`. The environment's SUITE says of which Debian."""

    def new(*, booted: bool) -> Host:
        return Host(tmp_path / "host", os.environ.get("SUITE", "bookworm"), booted=booted)

    yield new
    shutil.rmtree(tmp_path / "host")

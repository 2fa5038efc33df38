"""Opens every package in `build/dist`, holds it against the rules, and makes each a second time."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from bundle.places import BUILD, DIST, PACKAGING, ROOT, epoch
from bundle.steps import run
from packages.build import build_all
from packages.contents import contents, unpack
from packages.recipe import AGENT, BOX, FORMATS, Package
from packages.rules import faults
from packages.wheels import tools

SUFFIXES = frozenset(f".{kind}" for kind in FORMATS)
AGAIN = BUILD / "again"


def check(version: str) -> Iterator[str]:
    """What is wrong, a line each, and nothing when all is well. Raises BuildError for what a tool says."""
    found = [path for path in sorted(DIST.glob("*")) if path.suffix in SUFFIXES and version in path.name]
    if not found:
        yield f"there is no package in {DIST}: make package"
    for path in found:
        package = AGENT if path.name.startswith(AGENT.name) else BOX
        wrong = faults(package, contents(path), size=path.stat().st_size, epoch=epoch())
        yield from (f"{path.name}: {line}" for line in [*wrong, *_of_files(package, path)])
    for again in build_all(version, AGAIN):
        path = DIST / again.name
        if not path.exists() or path.read_bytes() != again.read_bytes():
            yield f"{again.name}: made again it has other bytes (of this commit?)"
    shutil.rmtree(AGAIN, ignore_errors=True)
    run([tools().parent / "hadolint", PACKAGING / "container/Containerfile"], cwd=BUILD, log="hadolint.log")


def _of_files(package: Package, path: Path) -> Iterator[str]:
    """What only the unpacked files tell."""
    directory = BUILD / "check" / path.name
    shutil.rmtree(directory, ignore_errors=True)
    unpack(path, directory)
    told_of = re.compile(re.escape(str(ROOT).encode()))
    for file in directory.rglob("*"):
        if file.is_file() and not file.is_symlink() and told_of.search(file.read_bytes()):
            yield f"{file.relative_to(directory)} names the directory where it was built"
    if package is BOX:
        yield from _agents(directory / "usr/share/logpost/agents")
    shutil.rmtree(directory)


def _agents(directory: Path) -> Iterator[str]:
    sums = directory / "SHA256SUMS"
    if not sums.exists():
        yield "the agent's packages are missing"
        return
    listed = {name: digest for digest, name in map(str.split, sums.read_text().splitlines())}
    held = {file.name: file for file in directory.iterdir() if file != sums}
    if listed.keys() != held.keys():
        yield f"SHA256SUMS and the agent's packages differ: {sorted(listed.keys() ^ held.keys())}"
    for name, file in held.items():
        if listed.get(name) != hashlib.sha256(file.read_bytes()).hexdigest():
            yield f"{name} has another checksum"

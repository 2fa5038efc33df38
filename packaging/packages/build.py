"""Runs nfpm over a tree: one package of each format."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bundle.archive import sums
from bundle.places import BUILD, DIST, epoch
from bundle.steps import BuildError, run
from packages.recipe import AGENT, BOX, FORMATS, Format, Package, layout, recipe
from packages.staging import stage

NFPM = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"
TOOL = BUILD / "tools" / "nfpm"
TREES = BUILD / "tree"
STAGE = BUILD / "stage"


def build_all(version: str, into: Path = DIST) -> list[Path]:
    """Packages of each tree that is there; the agent's first, since the box's hold them for other hosts."""
    made = [path for arch, tree in _trees(AGENT) for path in build(AGENT, arch, version, tree=tree, into=into)]
    archives = DIST.glob(f"{AGENT.name}-{version}-linux-*.tar.gz")
    agents = with_sums([*archives, *(path for path in made if path.suffix != ".apk")])
    for arch, tree in _trees(BOX):
        made += build(BOX, arch, version, tree=tree, into=into, agents=agents)
    return made


def _trees(package: Package) -> list[tuple[str, Path]]:
    return [(tree.name.rpartition("-")[2], tree) for tree in sorted(TREES.glob(f"{package.tree}-*"))]


def with_sums(files: Sequence[Path]) -> list[Path]:
    """The files by name, wherever they lie, and one with their checksums."""
    files = sorted(files, key=lambda file: file.name)
    listed = STAGE / "agents" / "SHA256SUMS"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text(sums(files))
    return [*files, listed]


def build(
    package: Package,
    arch: str,
    version: str,
    *,
    tree: Path,
    into: Path = DIST,
    formats: Sequence[Format] = FORMATS,
    agents: Sequence[Path] = (),
    stage_in: Path = STAGE,
) -> list[Path]:
    """The packages that were made. The same tree, version and SOURCE_DATE_EPOCH give the same bytes. Two at once need
    a directory each to `stage_in`."""
    staged = stage_in / f"{package.name}-{arch}"
    stage(package, version, tree=tree, into=staged, epoch=epoch())
    time = datetime.datetime.fromtimestamp(epoch(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = layout(package, version, tree=tree, staged=staged, agents=agents)
    told = recipe(package, version, arch, layout=entries, scripts=staged / "scripts", time=time)
    configuration = staged.with_suffix(".json")
    configuration.write_text(json.dumps(told, indent=1))
    into.mkdir(parents=True, exist_ok=True)
    return [_nfpm(configuration, kind, into) for kind in formats]


def _nfpm(configuration: Path, kind: Format, into: Path) -> Path:
    """nfpm names the file as the format's tools expect it."""
    scratch = configuration.with_suffix(f".{kind}")
    scratch.mkdir(exist_ok=True)
    for old in scratch.iterdir():
        old.unlink()
    command: list[str | Path] = [
        _nfpm_itself(),
        "package",
        "--config",
        configuration,
        "--packager",
        kind,
        "--target",
        f"{scratch}/",
    ]
    run(command, cwd=BUILD, log="nfpm.log")
    (made,) = scratch.iterdir()
    return made.replace(into / made.name)


def _nfpm_itself() -> Path:
    if not TOOL.exists():
        if shutil.which("go") is None:
            raise BuildError("nfpm makes the packages, and Go makes nfpm: install Go 1.24 or newer")
        go = {name: value for name, value in os.environ.items() if name.startswith("GO")}
        run(["go", "install", NFPM], cwd=BUILD, log="nfpm.log", environment=go | {"GOBIN": str(TOOL.parent)})
    return TOOL

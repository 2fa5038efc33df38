"""Puts a private tree together: `bin/logpost`, the standard library, dependencies, logpost, licences, SBOM."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundle import bytecode, interpreter, launcher, sbom, sources, wheels
from bundle.leave_out import unneeded
from bundle.places import BUILD, NATIVE, PYTHON, ROOT, Target, epoch, project, version
from bundle.steps import run

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "agent": ("collector/logpost",),
    "box": ("collector/logpost", "broker/logpost_broker", "web/logpost_web"),
}
"""The packages of logpost in each kind of tree."""

BOX_ONLY = ("up",)
"""Commands of the collector that nothing but a box can carry out."""

ZONES = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
"""CPython's own list."""


def place(kind: str, target: Target) -> Path:
    return BUILD / "tree" / f"{kind}-{target.arch}"


def make(kind: str, target: Target) -> Path:
    """Make the tree of an `agent` or a `box`, over an older one."""
    native, program = interpreter.built(NATIVE), launcher.built(target) / "logpost"
    dependencies = wheels.unpacked(kind, target)
    tree = place(kind, target)
    shutil.rmtree(tree, ignore_errors=True)
    library = tree / "lib" / f"python{PYTHON}"
    packages = library / "site-packages"
    _copy(sources.unpacked("python") / "Lib", library, standard_library=True)
    _copy(dependencies, packages, standard_library=False)
    for package in PACKAGES[kind]:
        _copy(ROOT / package, packages / Path(package).name, standard_library=False)
    _write_metadata(kind, packages)
    _write_sysconfig(library, target)
    _compile(native / "python", tree, library)
    (tree / "bin").mkdir()
    shutil.copyfile(program, tree / "bin" / "logpost")
    _write_licences(tree / "share" / "doc")
    sbom.write(tree / "share" / "doc" / "sbom.cdx.json", kind, target, packages)
    _settle(tree)
    return tree


def _copy(source: Path, to: Path, *, standard_library: bool) -> None:
    """Files that a tree needs, links followed; directories only as far as they hold one."""
    for path in _files(source):
        name = path.relative_to(source)
        if unneeded(str(name), python=PYTHON, standard_library=standard_library):
            continue
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to / name)


def _files(top: Path) -> Iterator[Path]:
    return (path for path in sorted(top.rglob("*")) if path.is_file())


def _write_metadata(kind: str, packages: Path) -> None:
    """What importlib.metadata reads: the version, and the entry points that are in this tree."""
    table = project()
    metadata = packages / f"logpost-{version()}.dist-info"
    metadata.mkdir()
    head = {"Metadata-Version": "2.4", "Name": "logpost", "Version": version(), "Summary": table["description"]}
    (metadata / "METADATA").write_text("".join(f"{name}: {value}\n" for name, value in head.items()))
    (metadata / "entry_points.txt").write_text(entry_points(kind))


def entry_points(kind: str) -> str:
    """Those that logpost itself looks for, as `entry_points.txt` has them."""
    groups = project()["entry-points"]
    assert isinstance(groups, dict)
    lines = []
    for group in sorted(name for name in groups if name.startswith("logpost.")):
        lines.append(f"[{group}]")
        lines += [f"{name} = {place}" for name, place in sorted(groups[group].items()) if _has(kind, name, place)]
    return "\n".join(lines) + "\n"


def _has(kind: str, name: str, place: str) -> bool:
    inside = place.partition(".")[0] in {Path(package).name for package in PACKAGES[kind]}
    return inside and (kind == "box" or name not in BOX_ONLY)


def _write_sysconfig(library: Path, target: Target) -> None:
    """What `sysconfig` reads, without the paths of the build: zoneinfo asks it where hosts keep their time zones."""
    values = {"TZPATH": ":".join(ZONES), "EXT_SUFFIX": f".cpython-{PYTHON.replace('.', '')}-{target.triple}.so"}
    (library / f"_sysconfigdata__linux_{target.triple}.py").write_text(f"build_time_vars = {values!r}\n")


def _compile(python: Path, tree: Path, library: Path) -> None:
    command: list[str | Path] = [python, "-B", "-S", "-s", bytecode.__file__, library]
    run(command, cwd=tree, log="bytecode.log", environment={"PYTHONHOME": str(tree)})


def _write_licences(docs: Path) -> None:
    """Of what is linked into the program; dependencies have theirs in their `.dist-info`."""
    docs.mkdir(parents=True)
    shutil.copyfile(ROOT / "LICENSE", docs / "LICENSE")
    shutil.copyfile(sources.unpacked("python") / "LICENSE", docs / "LICENSE.python")
    for name in sources.locked():
        shutil.copyfile(sources.unpacked(name) / "debian" / "copyright", docs / f"copyright.{name}")


def _settle(tree: Path) -> None:
    """Modes and times that do not depend on who builds, and when."""
    for path in [tree, *tree.rglob("*")]:
        executable = path.is_dir() or path.parent == tree / "bin"
        path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch(), epoch()))

"""What must hold of a finished tree, looked up in its files: nothing in it is run, so any processor's will do."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from bundle.elf import Elf, read
from bundle.places import BUILD, GLIBC, ROOT, Target

FROM_HOST = {
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libz.so.1",
}
"""Libraries that every host has: the C library, and GCC's and zlib, on which apt, dnf and zypper stand as well."""

NEWEST = {"GLIBC": GLIBC, "GLIBCXX": (3, 4, 25), "CXXABI": (1, 3, 11), "GCC": (8,)}
"""The versions that a host with that C library has: those of GCC 8."""


def faults(tree: Path, target: Target) -> list[str]:
    """Each a line that begins with the file's path in the tree."""
    files = [path for path in sorted(tree.rglob("*")) if not path.is_dir() or path.is_symlink()]
    own = {path.name for path in files}
    found = [
        f"{path.relative_to(tree)}: is empty" for path in tree.rglob("*") if path.is_dir() and not any(path.iterdir())
    ]
    for path in files:
        name = path.relative_to(tree)
        found += [f"{name}: {fault}" for fault in (*_of_kind(path, tree), *_of_content(path, target, own))]
    return found


def _of_kind(path: Path, tree: Path) -> Iterator[str]:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        yield "is no regular file"
    elif stat.S_IMODE(status.st_mode) != (0o755 if path.parent == tree / "bin" else 0o644):
        yield f"has mode {stat.S_IMODE(status.st_mode):o}"
    if path.suffix == ".py" and not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc")):
        yield "is not compiled"


def _of_content(path: Path, target: Target, own: set[str]) -> Iterator[str]:
    data = path.read_bytes()
    for place in {str(BUILD), str(ROOT), str(Path.home())}:
        if len(place) > len("/root") and place.encode() in data:
            yield f"names {place}"
    elf = read(data)
    if elf is not None:
        yield from _of_elf(elf, target, own)


def _of_elf(elf: Elf, target: Target, own: set[str]) -> Iterator[str]:
    if elf.machine != target.machine:
        yield f"is for {elf.machine}"
    for library in elf.needed:
        if library not in FROM_HOST | own:
            yield f"needs {library}, which hosts may not have"
    for family, newest in NEWEST.items():
        if elf.newest(family) > newest:
            yield f"needs {family} {'.'.join(map(str, elf.newest(family)))}"
    for place in elf.paths:
        if not all(one.startswith("$ORIGIN") for one in place.split(":")):
            yield f"looks for libraries in {place}"
    if elf.executable_stack:
        yield "asks for an executable stack"

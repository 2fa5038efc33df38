"""A tree as a tar archive, and the checksums of everything that is given away: the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterable
from pathlib import Path

from bundle.places import DIST, Target, epoch, version
from bundle.tree import place


def make(kind: str, target: Target) -> Path:
    """Pack a tree that is made, below one directory named after the package and its version."""
    name = f"{'logpost' if kind == 'box' else 'logpost-agent'}-{version()}"
    DIST.mkdir(parents=True, exist_ok=True)
    path = DIST / f"{name}-linux-{target.arch}.tar.gz"
    pack(place(kind, target), name, path, epoch())
    return path


def pack(tree: Path, name: str, path: Path, mtime: int) -> None:
    """Write the archive `path` of `tree` as the directory `name`, everything root's and of one time."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = mtime
        return member

    unfinished = path.with_name(f"{path.name}.unfinished")  # what is given away is whole
    with (
        unfinished.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=mtime) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in [tree, *sorted(tree.rglob("*"))]:
            archive.add(member, str(Path(name) / member.relative_to(tree)), recursive=False, filter=anonymous)
    unfinished.replace(path)


def write_sums() -> Path:
    """`SHA256SUMS` of all files in the directory that is given away."""
    path = DIST / "SHA256SUMS"
    given = (file for file in sorted(DIST.iterdir()) if file.suffix != ".unfinished" and file != path)
    path.write_text(sums(given))
    return path


def sums(files: Iterable[Path]) -> str:
    """A line each, as `sha256sum --check` reads it."""
    lines = []
    for file in files:
        with file.open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n")
    return "".join(lines)

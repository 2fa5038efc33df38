"""Opens a package: its entries, scripts and relations, the same value for deb, rpm and apk."""

from __future__ import annotations

import io
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60
RPM_CONFIG = 1 << 0
RPM_NOREPLACE = 1 << 4


@dataclass(frozen=True)
class Entry:
    """A path that a package owns. `mode` has the bits of the kind."""

    path: str
    mode: int
    owner: str
    group: str
    size: int
    time: int
    capabilities: str = ""

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True)
class Contents:
    entries: tuple[Entry, ...]
    kept: frozenset[str]
    """Paths whose changes an upgrade leaves."""
    scripts: dict[str, str] = field(default_factory=dict)
    provides: tuple[str, ...] = ()


def contents(package: Path) -> Contents:
    """Raises ValueError for a file that is none of the three."""
    match package.suffix:
        case ".deb":
            return _deb(package)
        case ".rpm":
            return _rpm(package)
        case ".apk":
            return _apk(package)
    raise ValueError(f"{package.name} is no deb, rpm or apk")


def unpack(package: Path, into: Path) -> None:
    """Its files, as anybody: owners are not kept."""
    into.mkdir(parents=True)
    if package.suffix == ".rpm":
        # The names in it are absolute, and cpio would lay the files where they say.
        command = ["cpio", "--quiet", "-idm", "--no-absolute-filenames"]
        with subprocess.Popen(["rpm2cpio", package], stdout=subprocess.PIPE) as archive:
            subprocess.run(command, stdin=archive.stdout, cwd=into, stderr=subprocess.DEVNULL, check=True)
        return
    with _data(package) as data:
        data.extractall(into, filter="tar")


def _data(package: Path) -> tarfile.TarFile:
    if package.suffix == ".apk":
        return tarfile.open(package, "r:gz", ignore_zeros=True)
    (data,) = (body for name, body in _ar(package) if name.startswith("data.tar"))
    return tarfile.open(fileobj=io.BytesIO(data))


def _ar(package: Path) -> Iterator[tuple[str, bytes]]:
    data = package.read_bytes()
    if not data.startswith(AR_MAGIC):
        raise ValueError(f"{package.name} is no ar archive")
    at = len(AR_MAGIC)
    while at < len(data):
        header = data[at : at + AR_HEADER]
        size = int(header[48:58])
        at += AR_HEADER
        yield header[:16].decode().strip().rstrip("/"), data[at : at + size]
        at += size + size % 2


def _deb(package: Path) -> Contents:
    (control,) = (body for name, body in _ar(package) if name.startswith("control.tar"))
    with tarfile.open(fileobj=io.BytesIO(control)) as archive:
        texts = _texts(archive)
    with _data(package) as archive:
        entries = tuple(_entry(member) for member in archive)
    fields = dict(line.split(": ", 1) for line in texts.pop("control").splitlines() if ": " in line)
    kept = frozenset(texts.pop("conffiles", "").split())
    texts.pop("md5sums", None)
    return Contents(entries, kept, texts, tuple(fields.get("Provides", "").split(", ")))


def _apk(package: Path) -> Contents:
    with _data(package) as archive:
        members = list(archive)
        texts = {name: text for name, text in _texts(archive).items() if name.startswith(".")}
    entries = tuple(_entry(member) for member in members if not member.name.startswith("."))
    # apk keeps every changed file below /etc (`/etc/apk/protected_paths.d`); it needs no list.
    kept = frozenset(entry.path for entry in entries if entry.is_file and entry.path.startswith("/etc/"))
    information = texts.pop(".PKGINFO")
    provides = (line.partition(" = ")[2] for line in information.splitlines() if line.startswith("provides"))
    return Contents(entries, kept, {name: text for name, text in texts.items() if "SIGN" not in name}, tuple(provides))


def _texts(archive: tarfile.TarFile) -> dict[str, str]:
    found = {}
    for member in archive:
        file = archive.extractfile(member) if member.isfile() and member.size < 1 << 20 else None
        if file is not None and "/" not in (name := member.name.removeprefix("./")):
            found[name] = file.read().decode(errors="replace")
    return found


def _entry(member: tarfile.TarInfo) -> Entry:
    kinds = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK}
    mode = kinds.get(member.type, stat.S_IFREG) | member.mode & 0o7777
    path = "/" + member.name.removeprefix("./").strip("/")
    found = {name: str(value) for name, value in member.pax_headers.items() if "capability" in name}
    owner, group = (name or ("root" if number == 0 else str(number)) for name, number in _owners(member))
    return Entry(path, mode, owner, group, member.size, int(member.mtime), " ".join(found.values()))


def _owners(member: tarfile.TarInfo) -> tuple[tuple[str, int], tuple[str, int]]:
    return (member.uname, member.uid), (member.gname, member.gid)


def _rpm(package: Path) -> Contents:
    tags = ("FILENAMES", "FILEMODES", "FILEUSERNAME", "FILEGROUPNAME", "FILESIZES", "FILEMTIMES", "FILEFLAGS")
    line = "\t".join(f"%{{{tag}}}" for tag in tags)
    rows = [row.split("\t") for row in _rpm_query(package, f"[{line}\t%{{FILECAPS}}\n]").splitlines()]
    entries = tuple(
        Entry(path, int(mode), owner, group, int(size), int(time), "" if caps == "(none)" else caps)
        for path, mode, owner, group, size, time, _, caps in rows
    )
    wanted = RPM_CONFIG | RPM_NOREPLACE
    kept = frozenset(row[0] for row in rows if int(row[6]) & wanted == wanted)
    scripts = {name: _rpm_query(package, f"%{{{name}}}") for name in ("PREIN", "POSTIN", "PREUN", "POSTUN")}
    return Contents(entries, kept, scripts, tuple(_rpm_query(package, "[%{PROVIDENAME}\n]").split()))


def _rpm_query(package: Path, form: str) -> str:
    command: list[str | Path] = ["rpm", "-qp", "--nosignature", "--queryformat", form, package]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

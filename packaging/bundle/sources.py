"""Debian's source packages, at the versions of `sources.toml`: fetched by apt, which checks Debian's signature,
compared with the hash that is pinned, and unpacked with Debian's security patches."""

from __future__ import annotations

import hashlib
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cmp_to_key
from pathlib import Path

from bundle.places import BUILD, PACKAGING
from bundle.steps import BuildError, once, run

LOCK = PACKAGING / "sources.toml"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITES = {"Debian": ("trixie", "trixie-updates"), "Debian-Security": ("trixie-security",)}
"""By the label of an archive: where it lies is what this machine's apt says, so mirrors are used."""


@dataclass(frozen=True)
class Source:
    """A source package. `sha256` is that of its `.dsc`, which has the hashes of its other files."""

    name: str
    version: str
    sha256: str
    licence: str

    @property
    def dsc(self) -> str:
        return f"{self.name}_{self.version.rpartition(':')[2]}.dsc"


def locked() -> dict[str, Source]:
    """The sources by their short name: `python`, `openssl` …"""
    return {short: Source(**entry) for short, entry in tomllib.loads(LOCK.read_text()).items()}


def unpacked(short: str) -> Path:
    """The directory with a source's patched files, never built in."""
    source = locked()[short]
    return once(BUILD / "sources" / short, source, lambda directory: _fetch(source, directory)) / "tree"


def changed(short: str) -> int:
    """When Debian last changed a source, in seconds since 1970: what is built of it bears that time, whatever commit of
    ours builds it."""
    changelog = (unpacked(short) / "debian" / "changelog").read_text()
    signed = next(line for line in changelog.splitlines() if line.startswith(" -- "))
    return int(parsedate_to_datetime(signed.rpartition(">")[2].strip()).timestamp())


def _fetch(source: Source, directory: Path) -> None:
    try:
        download(source, directory)
    except BuildError as error:
        raise BuildError(f"{error}\nIf Debian has a newer {source.name} by now: make package-lock") from None
    found = hashlib.sha256((directory / source.dsc).read_bytes()).hexdigest()
    if found != source.sha256:
        raise BuildError(f"{source.dsc} has SHA-256 {found}, {LOCK.name} says {source.sha256}")
    run(["dpkg-source", "--no-check", "-x", source.dsc, "tree"], cwd=directory, log=f"sources-{source.name}.log")


def download(source: Source, directory: Path) -> None:
    """Have apt fetch and verify the files of a source. Raises BuildError."""
    options = ["-qq", *_apt_options()]
    log = f"sources-{source.name}.log"
    run(["apt-get", *options, "update"], cwd=directory, log=log)
    wanted = f"{source.name}={source.version}"
    run(["apt-get", *options, "source", "--download-only", "--only-source", wanted], cwd=directory, log=log)


def served(name: str) -> list[str]:
    """The versions of a source package that Debian lists, newest first."""
    options = _apt_options()
    run(["apt-get", *options, "update"], cwd=BUILD, log=f"sources-{name}.log")
    command = ["apt-cache", *options, "showsrc", name]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    versions = {line.partition(": ")[2] for line in shown.splitlines() if line.startswith("Version: ")}
    return sorted(versions, key=cmp_to_key(_compare), reverse=True)


def _compare(one: str, other: str) -> int:
    """As dpkg compares versions."""
    newer = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
    return 1 if newer else -1


def _apt_options() -> Sequence[str]:
    """An apt with lists of its own: the machine's are neither read nor changed."""
    if not KEYRING.exists():
        raise BuildError(f"{KEYRING} is missing: apt install debian-archive-keyring")
    apt = BUILD / "apt"
    for directory in ("lists/partial", "cache/archives/partial"):
        (apt / directory).mkdir(parents=True, exist_ok=True)
    archives = _archives()
    lines = [
        f"deb-src [signed-by={KEYRING}] {address} {suite} main\n"
        for label, suites in SUITES.items()
        for address in sorted(address for address, its_label in archives if its_label == label)
        for suite in suites
    ]
    if not lines:
        raise BuildError("apt knows no archive of Debian: add one of any release to /etc/apt/sources.list.d/")
    (apt / "sources.list").write_text("".join(lines))
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
    }
    return [f"-o{name}={value}" for name, value in settings.items()]


def _archives() -> set[tuple[str, str]]:
    """Addresses and labels of the archives that this machine uses."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {(address, label) for address, _, label in (line.partition(" ") for line in shown.splitlines())}

"""What each package holds, and how nfpm is told: values, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

Format = Literal["deb", "rpm", "apk"]
FORMATS: tuple[Format, ...] = ("deb", "rpm", "apk")
SCRIPTS = {"preinst": "preinstall", "postinst": "postinstall", "prerm": "preremove", "postrm": "postremove"}
"""Debian's names, which the files have → nfpm's."""

CONFIGURATION = "/etc/logpost/logpost.toml"
READERS = "logpost-agent"
"""The group that may read the configuration."""

MAINTAINER = "The developers of logpost <logpost@localhost>"


@dataclass(frozen=True)
class Package:
    """One of the two: they hold the same paths, so only one of them can be installed."""

    name: str
    tree: str
    """Its name in `build/tree/`, without the processor."""
    summary: str
    unit: str
    """Enabled and started when it is installed."""
    units: tuple[str, ...]
    presets: tuple[str, ...]
    """Files that say which units an image enables at its first boot."""
    users: tuple[str, ...]
    data: tuple[str, ...]
    """Directories that a purge deletes."""
    compression: str
    """Of deb and rpm, as old systems read it too."""


AGENT = Package(
    name="logpost-agent",
    tree="agent",
    summary="Ships the logs of this host to logpost or to any Kafka.",
    unit="logpost-agent.service",
    units=("logpost-agent.service",),
    presets=(),
    users=("logpost-agent",),
    data=("/var/lib/logpost/agent",),
    compression="xz",
)
BOX = Package(
    name="logpost",
    tree="box",
    summary="A post office for logs: a Kafka-protocol broker, exactly-once indexing and search, in one box.",
    unit="logpost.service",
    units=("logpost.service", "logpost-broker.service", "logpost-web.service", "logpost-agent.service"),
    presets=("80-logpost.preset",),
    users=("logpost", "logpost-agent"),
    data=("/var/lib/logpost",),
    compression="gzip",  # xz, in Go, takes minutes over the store's 0.5 GB
)
PACKAGES = {package.name: package for package in (AGENT, BOX)}


@dataclass(frozen=True)
class Laid:
    """One entry of a package: a file, a directory that the package owns, or a whole tree with the modes it has."""

    source: Path | None
    target: PurePosixPath
    kind: Literal["", "tree", "dir", "symlink", "config|noreplace"] = ""
    mode: int = 0o644
    group: str = "root"
    link: str = ""
    only: Format | None = None


def script(package: Package, version: str, name: str, body: str) -> str:
    """A maintainer script: what differs between the packages, then what does not."""
    values = {
        "package": package.name,
        "version": version,
        "unit": package.unit,
        "units": " ".join(package.units),
        "users": " ".join(package.users),
        "data": " ".join(package.data),
    }
    head = [
        "#!/bin/sh",
        f"# {name} of {package.name} {version}. deb calls it with a word, rpm with a number, apk with a version.",
        "set -e",
        'DPKG_ROOT="${DPKG_ROOT:-}" # dpkg sets it where it installs into another root',
        *(f'{key}="{value}"' for key, value in values.items()),
        'tree="$DPKG_ROOT/usr/lib/logpost"',
        "",
    ]
    return "\n".join(head) + "\n" + body


def layout(package: Package, version: str, *, tree: Path, staged: Path, agents: Sequence[Path] = ()) -> list[Laid]:
    """All entries. `staged` has the files that the build makes, under the paths that they are installed by; `agents`
    are the agent's packages, which the box keeps for other hosts to fetch."""
    root = PurePosixPath("/usr/lib/logpost")
    share, systemd = PurePosixPath("/usr/share"), PurePosixPath("/usr/lib/systemd")
    fetched = share / "logpost/agents"
    zsh = staged / "completions/logpost.zsh"
    return [
        Laid(None, root, "dir", 0o755),
        Laid(tree, root / version, "tree"),
        Laid(None, PurePosixPath("/usr/bin/logpost"), "symlink", link="../lib/logpost/current/bin/logpost"),
        Laid(None, PurePosixPath("/etc/logpost"), "dir", 0o755),
        Laid(staged / "logpost.toml", PurePosixPath(CONFIGURATION), "config|noreplace", 0o640, READERS),
        *(Laid(staged / "units" / unit, systemd / "system" / unit) for unit in package.units),
        *(Laid(staged / "units" / preset, systemd / "system-preset" / preset) for preset in package.presets),
        Laid(staged / "man", share / "man/man1", "tree"),
        Laid(staged / "doc", share / "doc" / package.name, "tree"),
        Laid(staged / "completions/logpost.bash", share / "bash-completion/completions/logpost"),
        Laid(zsh, share / "zsh/vendor-completions/_logpost", only="deb"),
        Laid(zsh, share / "zsh/site-functions/_logpost", only="rpm"),
        Laid(zsh, share / "zsh/site-functions/_logpost", only="apk"),
        Laid(staged / "completions/logpost.fish", share / "fish/vendor_completions.d/logpost.fish"),
        *(Laid(None, each, "dir", 0o755) for each in (fetched.parent, fetched) if agents),
        *(Laid(agent, fetched / agent.name) for agent in agents),
    ]


def recipe(
    package: Package, version: str, arch: str, *, layout: Sequence[Laid], scripts: Path, time: str
) -> dict[str, object]:
    """The configuration of nfpm, as JSON (which is YAML). `time`, RFC 3339, is that of every file and of the build."""
    takes_over = package.name == BOX.name
    other = AGENT if takes_over else BOX
    return {
        "name": package.name,
        "arch": arch,
        "platform": "linux",
        "version": version,
        "section": "admin",
        "priority": "optional",
        "maintainer": MAINTAINER,
        "description": package.summary,
        "license": "Apache-2.0",
        "mtime": time,
        "disable_globbing": True,
        "contents": [_entry(laid, time) for laid in layout],
        "scripts": {theirs: str(scripts / ours) for ours, theirs in SCRIPTS.items()},
        "overrides": {
            "deb": {
                "depends": ["libc6 (>= 2.28)", "libstdc++6 (>= 8)", "libgcc-s1 | libgcc1", "zlib1g"],
                "conflicts": [other.name],
                "replaces": [other.name] if takes_over else [],
                "provides": [f"{other.name} (= {version})"] if takes_over else [],
            },
            # No `replaces`: as Obsoletes it would put the box on every host of the agent at its next upgrade.
            "rpm": {
                "depends": [
                    "libc.so.6(GLIBC_2.28)(64bit)",
                    "libstdc++.so.6(GLIBCXX_3.4.25)(64bit)",
                    "libgcc_s.so.1()(64bit)",
                    "libz.so.1()(64bit)",
                ],
                "conflicts": [other.name],
                "provides": [f"{other.name} = {version}"] if takes_over else [],
            },
            # It runs where the C library is glibc: elsewhere apk refuses it.
            "apk": {"depends": ["glibc", "libstdc++", "libgcc", "zlib", f"!{other.name}"]},
        },
        "deb": {"compression": package.compression, "predepends": ["passwd"]},
        "rpm": {
            "compression": package.compression,
            "group": "System Environment/Daemons",
            "summary": package.summary,
            "buildhost": "localhost",  # else the name of whichever machine builds it
        },
        "apk": {
            "scripts": {"preupgrade": str(scripts / "preinst"), "postupgrade": str(scripts / "postinst")},
        },
    }


def _entry(laid: Laid, time: str) -> dict[str, object]:
    found: dict[str, object] = {"dst": str(laid.target)}
    if laid.kind:
        found["type"] = laid.kind
    if laid.only:
        found["packager"] = laid.only
    if laid.source is not None or laid.link:
        found["src"] = str(laid.source or laid.link)
    owner = {"owner": "root", "group": laid.group, "mtime": time}
    has_modes = laid.kind in ("tree", "symlink")
    return found | {"file_info": owner if has_modes else owner | {"mode": laid.mode}}

"""What must hold of every package that is made: rules over its contents, each with what it found wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from packages.contents import Contents, Entry
from packages.recipe import CONFIGURATION, READERS, Package

OUTSIDE = re.compile(
    r"/etc/logpost(/logpost\.toml)?|/usr/bin/logpost|/usr/lib/systemd/system/logpost(-[a-z]+)?\.service"
    r"|/usr/lib/systemd/system-preset/80-logpost\.preset"
    r"|/usr/share/man/man1/logpost(-[a-z]+)?\.1\.gz|/usr/share/doc/{name}(/[A-Za-z.-]+)?"
    r"|/usr/share/(bash-completion/completions/logpost|fish/vendor_completions\.d/logpost\.fish)"
    r"|/usr/share/zsh/(vendor-completions|site-functions)/_logpost|/usr/share/logpost(/agents(/[\w.-]+)?)?"
)
"""All that a package owns outside its private tree; another directory only on the way to one of these."""
TREE = "/usr/lib/logpost"
WALKS = re.compile(r"\b(?:chown|chmod|chgrp|find|xargs|userdel|groupdel|deluser|delgroup)\b")
MEGABYTE = 1_000_000
LIMITS: Mapping[str, tuple[int, int]] = {"logpost-agent": (25 * MEGABYTE, 60 * MEGABYTE)}
"""Package → largest file, largest installed size."""

Rule = Callable[[Package, Contents], Iterator[str]]


def faults(package: Package, found: Contents, *, size: int, epoch: int) -> list[str]:
    """What is wrong, a line each. `size` is that of the package's file, `epoch` the time that all files bear."""
    wrong = [line for rule in RULES for line in rule(package, found)]
    wrong += [f"{entry.path} is newer than the commit" for entry in found.entries if entry.time > epoch]
    largest, installed = LIMITS.get(package.name, (size, 0))
    if size > largest:
        wrong.append(f"the package has {size / MEGABYTE:.1f} MB, more than {largest / MEGABYTE:.0f}")
    total = sum(entry.size for entry in found.entries)
    if installed and total > installed:
        wrong.append(f"installed it has {total / MEGABYTE:.1f} MB, more than {installed / MEGABYTE:.0f}")
    return wrong


def _settings_alone_are_kept(_: Package, found: Contents) -> Iterator[str]:
    etc = {entry.path for entry in found.entries if entry.is_file and entry.path.startswith("/etc/")}
    if etc != found.kept:
        yield f"files below /etc and files that upgrades leave differ: {sorted(etc ^ found.kept)}"
    if CONFIGURATION not in found.kept:
        yield f"{CONFIGURATION} is not kept"


def _owners_and_modes(_: Package, found: Contents) -> Iterator[str]:
    for entry in found.entries:
        group, wanted = (READERS, 0o640) if entry.path == CONFIGURATION else ("root", None)
        if (entry.owner, entry.group) != ("root", group):
            yield f"{entry.path} belongs to {entry.owner}:{entry.group}"
        mode = entry.mode & 0o7777
        if entry.is_directory or entry.is_file:
            allowed = {wanted} if wanted else {0o755} if entry.is_directory else {0o644, 0o755}
            if mode not in allowed:
                yield f"{entry.path} has mode {mode:04o}"
        if entry.capabilities:
            yield f"{entry.path} has capabilities {entry.capabilities}"


def _paths(package: Package, found: Contents) -> Iterator[str]:
    known = re.compile(OUTSIDE.pattern.replace("{name}", re.escape(package.name)))
    for entry in found.entries:
        if entry.path == TREE or entry.path.startswith(f"{TREE}/") or known.fullmatch(entry.path):
            continue
        if not (entry.is_directory and _leads_on(entry, found)):
            yield f"{entry.path} is outside of what the package owns"


def _leads_on(directory: Entry, found: Contents) -> bool:
    inside = directory.path.rstrip("/") + "/"
    return directory.path == "/" or any(other.path.startswith(inside) for other in found.entries)


def _units(package: Package, found: Contents) -> Iterator[str]:
    have = {entry.path.rpartition("/")[2] for entry in found.entries if entry.path.endswith(".service")}
    if have != set(package.units):
        yield f"units are {sorted(have)}"


def _scripts(_: Package, found: Contents) -> Iterator[str]:
    if len(found.scripts) < 4:
        yield f"scripts are {sorted(found.scripts)}"
    for name, text in found.scripts.items():
        code = "\n".join(line.partition("#")[0] for line in text.splitlines())
        if walks := WALKS.findall(code):
            yield f"{name} uses {', '.join(walks)}"
        if not re.search(r'^case "\$1" in$', code, flags=re.MULTILINE):
            yield f"{name} does not look at its argument"


def _provides(_: Package, found: Contents) -> Iterator[str]:
    for name in found.provides:
        if name and not re.fullmatch(r"logpost(-agent)?\b.*", name):
            yield f"it provides {name}"


RULES: tuple[Rule, ...] = (_settings_alone_are_kept, _owners_and_modes, _paths, _units, _scripts, _provides)

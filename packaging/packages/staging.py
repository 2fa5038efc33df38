"""What a package holds beside its tree: manual pages, completions, documentation, units, settings, scripts."""

from __future__ import annotations

import configparser
import datetime
import gzip
import os
import shutil
from pathlib import Path

import shtab

from bundle.places import PACKAGING, ROOT
from logpost.cli import command_parser
from packages.manual import only, pages
from packages.recipe import SCRIPTS, Package, script

SHELLS = ("bash", "zsh", "fish")
UNITS = ROOT / "systemd"


def commands_of(tree: Path) -> set[str]:
    """The commands that the logpost in a tree has."""
    (file,) = tree.glob("lib/python*/site-packages/logpost-*.dist-info/entry_points.txt")
    found = configparser.ConfigParser(delimiters=("=",))
    found.read_string(file.read_text())
    return set(found["logpost.commands"])


def stage(package: Package, version: str, *, tree: Path, into: Path, epoch: int) -> None:
    """Replace all that is in a directory; all its files bear the time `epoch`."""
    shutil.rmtree(into, ignore_errors=True)
    for name in ("man", "completions", "doc", "units", "scripts"):
        (into / name).mkdir(parents=True)
    _stage_command_line(commands_of(tree), version, into, epoch)
    for unit in package.units + package.presets:
        shutil.copyfile(UNITS / unit, into / "units" / unit)
    shutil.copyfile(PACKAGING / "etc/logpost.toml", into / "logpost.toml")
    for page in [*ROOT.glob("docs/*.md"), ROOT / "CHANGELOG.md"]:
        shutil.copyfile(page, into / "doc" / page.name)
    shutil.copyfile(ROOT / "LICENSE", into / "doc/copyright")
    for name in SCRIPTS:
        body = (PACKAGING / "scripts" / f"{name}.sh").read_text()
        (into / "scripts" / name).write_text(script(package, version, name, body))
    for path in [*into.rglob("*"), into]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch))


def _stage_command_line(commands: set[str], version: str, into: Path, epoch: int) -> None:
    date = datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat()
    for name, page in pages(only(command_parser(), commands), version=version, date=date).items():
        (into / "man" / f"{name}.gz").write_bytes(gzip.compress(page.encode(), mtime=0))
    for shell in SHELLS:
        text = shtab.complete(only(command_parser(), commands), shell=shell)
        (into / "completions" / f"logpost.{shell}").write_text(text)

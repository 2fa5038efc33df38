"""Pins the newest source packages that Debian serves, by the hashes in its signed lists."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

from bundle.places import BUILD
from bundle.sources import LOCK, Source, download, locked, served
from bundle.steps import BuildError


def relock() -> None:
    """Take the newest of each source whose files can be fetched: a mirror may list what it has not got yet."""
    lines = LOCK.read_text().splitlines()
    comment = "\n".join(line for line in lines if line.startswith("#"))
    sections = [_section(short, _newest(source)) for short, source in locked().items()]
    LOCK.write_text("\n\n".join([comment, *sections]) + "\n")


def _newest(source: Source) -> Source:
    for version in served(source.name):
        candidate = replace(source, version=version)
        directory = BUILD / "relock" / source.name
        directory.mkdir(parents=True, exist_ok=True)
        try:
            download(candidate, directory)
        except BuildError:
            sys.stderr.write(f"{source.name} {version} is listed, but cannot be fetched\n")
            continue
        return replace(candidate, sha256=hashlib.sha256((directory / candidate.dsc).read_bytes()).hexdigest())
    raise BuildError(f"Debian serves no {source.name}: see build/log/sources-{source.name}.log")


def _section(short: str, source: Source) -> str:
    values = {"name": source.name, "version": source.version, "sha256": source.sha256, "licence": source.licence}
    return "\n".join([f"[{short}]", *(f'{name} = "{value}"' for name, value in values.items())])

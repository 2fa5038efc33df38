"""The command `logpost doctor`. Exit status: 0 nothing failed, 1 something did, 2 wrong use.

It reads, and asks broker and web: it takes no lock, listens on nothing and writes nothing but the bundle.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from logpost.cli import Commands, add_parser, overrides
from logpost.config import SYSTEM_FILE, Config, Loaded, load, load_with_mistakes
from logpost.controls import one_line
from logpost.doctor.checks.result import Result
from logpost.errors import ConfigError

MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "doctor", run)
    parser.add_argument("--json", action="store_true", help="the checks as one JSON object")
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        type=Path,
        help="also write what helps somebody else to help: a .tar.gz without secrets",
    )
    parser.set_defaults(configuration=_usable)


def run(parsed: argparse.Namespace, config: Config) -> int:
    from logpost.doctor.bundle import write_bundle  # what it asks with takes a while to import
    from logpost.doctor.examination import examine
    from logpost.doctor.gathering.machine import Machine

    loaded, mistakes = read(parsed)
    file = _file(parsed)
    results = list(examine(Machine(), loaded, mistakes, file))
    if parsed.json:
        sys.stdout.buffer.write(as_json(results).encode() + b"\n")  # UTF-8, whatever the terminal has
    else:
        sys.stdout.writelines(line + "\n" for line in lines(results))
    if parsed.bundle is not None:
        write_bundle(parsed.bundle, loaded, file, as_json(results))
        sys.stderr.write(f"logpost: wrote {parsed.bundle}; it lists what it leaves out\n")
    return 1 if any(result.state == "fail" for result in results) else 0


def read(parsed: argparse.Namespace) -> tuple[Loaded, list[str]]:
    """The configuration with defaults in the place of its mistakes, and these. A file that cannot be read at all is
    one."""
    from logpost import checks

    try:
        loaded, mistakes = load_with_mistakes(parsed.config, overrides=overrides(parsed))
    except ConfigError as error:
        return load(Path(os.devnull), {}, overrides(parsed)), [str(error)]
    return loaded, mistakes + checks.mistakes(loaded)


def _usable(parsed: argparse.Namespace) -> Loaded:
    return read(parsed)[0]


def _file(parsed: argparse.Namespace) -> Path | None:
    if parsed.config is not None:
        return Path(parsed.config)
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def as_json(results: Sequence[Result]) -> str:
    return json.dumps({"checks": [dataclasses.asdict(result) for result in results]}, ensure_ascii=False)


def lines(results: Sequence[Result]) -> list[str]:
    """What a terminal shows."""
    width = max(len(result.check) for result in results)
    shown = []
    for result in results:
        shown.append(f"{MARKS[result.state]}  {result.check:<{width}}  {one_line(result.detail)}")
        if result.remedy:
            shown.append(f"{'':{6 + width}}  → {one_line(result.remedy)}")
    failed, warned = (sum(result.state == state for result in results) for state in ("fail", "warn"))
    warnings = f"{warned} {'warning' if warned == 1 else 'warnings'}"
    return [*shown, "", f"{failed} failed, {warnings}" if failed or warned else "all is well"]

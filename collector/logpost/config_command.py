"""The command `logpost config`: check the configuration, or print every value and where it came from."""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction

import msgspec

from logpost.cli import Commands, add_parser, loaded, overrides
from logpost.config import SHORT_KEYS, Config, Loaded, load_with_mistakes, settings
from logpost.config.tree import unit_of
from logpost.redaction import masked
from logpost.units import written


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "config", run)
    parser.add_argument("action", choices=("check", "print"))
    parser.set_defaults(configuration=_with_mistakes)


def _with_mistakes(parsed: argparse.Namespace) -> Loaded:
    return load_with_mistakes(parsed.config, overrides=overrides(parsed))[0]


def run(parsed: argparse.Namespace, config: Config) -> int:
    return _check(parsed) if parsed.action == "check" else _print(loaded(parsed))


def _check(parsed: argparse.Namespace) -> int:
    """All mistakes, on stderr; exit status 2 when there is one."""
    from logpost import checks  # what the agent reads with, for this command only

    found, mistakes = load_with_mistakes(parsed.config, overrides=overrides(parsed))
    mistakes += checks.mistakes(found)
    for mistake in mistakes:
        sys.stderr.write(f"logpost: {mistake}\n")
    if not mistakes:
        sys.stdout.write("the configuration is good\n")
    return 2 if mistakes else 0


def _print(found: Loaded) -> int:
    short = {key: name for name, keys in SHORT_KEYS.items() for key in keys}
    for key, value in settings(found.config).items():
        shown = msgspec.json.encode(masked(key, value)).decode()
        origin = found.origins.get(key, "default")
        if key in short and isinstance(value, int | float) and value >= 0 and " (" not in origin:
            origin += f' ({short[key]} = "{written(Fraction(value), unit_of(key))}")'
        sys.stdout.write(f"{key} = {shown}  # {origin}\n")
    return 0

"""The command `logpost config`: check the configuration, or print every value and where it came from."""

from __future__ import annotations

import argparse
import re
import sys

import msgspec

from logpost.cli import Commands, add_parser, loaded
from logpost.config import Config, settings

SECRET = ("password",)
# The password stands between the first colon behind `//` and the last @, or is an argument by that name.
_URL_PASSWORD = re.compile(r"(?<=://)([^:@/]*):.*@|(?<=[?&]password=)[^&]*", re.DOTALL)


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "config", run, "Check or print the configuration.")
    parser.add_argument("action", choices=("check", "print"))


def run(parsed: argparse.Namespace, config: Config) -> int:
    if parsed.action == "check":
        sys.stdout.write("the configuration is good\n")
        return 0
    origins = loaded(parsed).origins
    for key, value in settings(config).items():
        hidden = bool(value) and key.endswith(SECRET)
        shown = '"…"' if hidden else msgspec.json.encode(_masked(value)).decode()
        sys.stdout.write(f"{key} = {shown}  # {origins.get(key, 'default')}\n")
    return 0


def _masked(value: object) -> object:
    """Addresses without the password inside them."""
    if not isinstance(value, str):
        return value
    return _URL_PASSWORD.sub(lambda found: "…" if found[1] is None else f"{found[1]}:…@", value)

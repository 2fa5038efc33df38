"""The command `logpost reload`: what runs takes new settings, as far as it can without a restart."""

from __future__ import annotations

import argparse
import sys

import msgspec

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import StartError
from logpost.reload.changes import together
from logpost.reload.control import asked, outcome

DIRECTORIES = {"up": "log", "broker": "broker", "web": "store", "agent": "agent"}
"""Of the data directory, by the command that holds it."""


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "reload", run)
    parser.add_argument("part", nargs="?", choices=tuple(DIRECTORIES), help="default: all that runs")
    parser.epilog = "Exit status: 0 done, 1 nothing runs or it failed, 2 the settings were refused."


def run(parsed: argparse.Namespace, config: Config) -> int:
    data = config.data_directory()
    wanted = [parsed.part] if parsed.part else list(DIRECTORIES)
    answers = []
    for part in wanted:
        answer = asked(data / DIRECTORIES[part])
        if answer is not None:
            answers.append(answer)
            if part == "up":  # it asks its parts
                break
    if not answers:
        raise StartError(f"no {parsed.part or 'part'} runs on {data}: nothing to reload")
    reloaded = together(outcome(answer) for answer in answers)  # all were asked, whatever one of them says
    sys.stdout.buffer.write(msgspec.json.encode(reloaded) + b"\n")
    return 0

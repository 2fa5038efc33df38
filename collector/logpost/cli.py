"""The command `logpost`. Commands register under the entry point group `logpost.commands`: a host that installs the
collector alone has `agent`, the `server` extra adds the others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logpost.config import Config, Loaded, load
from logpost.errors import LogpostError

Run = Callable[[argparse.Namespace, Config], int]
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]  # argparse has no public name for it
else:
    Commands = object


class Parser(argparse.ArgumentParser):
    """`dash_is_text`: an argument that begins with one dash is a text (`-level:info`), and no options of one letter."""

    dash_is_text = False

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]  # the namespace's type comes back
        given = list(sys.argv[1:] if args is None else args)
        if self.dash_is_text:
            # A blank in front makes it no option, and means nothing in a query or a time.
            given = [
                f" {one}" if one[:1] == "-" and one[1:2] not in ("", "-") and one != "-h" else one for one in given
            ]
        return super().parse_known_args(given, namespace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 wrong usage or configuration."""
    parser = Parser(prog="logpost", description="A post office for logs.")
    parser.add_argument("--version", action="version", version=f"logpost {version('logpost')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for entry_point in sorted(entry_points(group="logpost.commands"), key=lambda found: found.name):
        entry_point.load()(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed, parsed.configuration(parsed).config))
    except LogpostError as error:
        sys.stderr.write(f"logpost: {error}\n")
        return error.exit_status
    except ModuleNotFoundError as error:
        sys.stderr.write(f"logpost: `{parsed.command}` needs {error.name}: pip install 'logpost[server]'\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`logpost search … | head`); nothing is left to say.
        sys.stderr.close()
        return 0


def add_parser(commands: Commands, name: str, run: Run, summary: str, *, nested: bool = False) -> Parser:
    """A command's parser, with the options that all commands share. `nested`: `commands` are those of a command, before
    whose name the options may stand as well."""
    parser = commands.add_parser(name, help=summary, description=summary)
    unset = argparse.SUPPRESS if nested else None
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=unset,
        help="configuration (default: /etc/logpost/logpost.toml)",
    )
    parser.add_argument("--data", metavar="DIR", default=unset, help="data directory")
    parser.set_defaults(run=run, configuration=loaded)
    return parser


def loaded(parsed: argparse.Namespace) -> Loaded:
    """The configuration that a parsed command line asks for. Raises ConfigError."""
    return load(parsed.config, overrides=overrides(parsed))


def overrides(parsed: argparse.Namespace) -> dict[str, object]:
    """Settings that the command line has options for."""
    return {"data": parsed.data} if parsed.data else {}

"""The command `logpost`. Commands register under the entry point group `logpost.commands`: a host that installs the
collector alone has `agent`, the `server` extra adds the others."""

from __future__ import annotations

import argparse
import atexit
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logpost import ownership
from logpost.config import Config, Loaded, load
from logpost.errors import LogpostError
from logpost.installed import entry_points, imported, version
from logpost.systemd.journal import leads_to_journal

ERROR = 3
"""The journal's priority."""
LONG_RUNNING = frozenset({"up", "broker", "web", "agent"})
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a standard output that leads to a file: files that are opened by name tell it."""

EXTRAS = {"logpost_broker": "broker", "logpost_web": "server"}
"""Which extra of the distribution brings the libraries of a package."""

SUMMARIES = {
    "agent": "Ship this host's logs.",
    "backup": "Copy the data directory of a box that is stopped: topics, store, positions of the agent.",
    "broker": "Run the broker, or work on its files.",
    "config": "Check or print the configuration.",
    "doctor": "Look at all that logpost needs of this host, and say what is wrong and what to do.",
    "health": "Say whether the parts that run here do their work.",
    "reload": "Let what runs take new settings without a restart.",
    "restore": "Put a backup in the place of an empty data directory, after checking all of it.",
    "search": "Search the logs; prints the newest matches, the last line newest.",
    "status": "Show what runs here, how fast, how far behind, the room on the disk, and what went wrong last.",
    "store": "Check the search store, say what it holds, or fill it again from the topics.",
    "topics": "Create, list, describe and delete topics; write and read messages.",
    "up": "Run broker, web and an agent on this host's own logs, until Ctrl-C.",
    "web": "Run the indexer, the search page, the API and /metrics.",
}
"""Of each command: a list of them loads the code of none."""

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
    _open_streams()
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] and given[0] in LONG_RUNNING:
        _outlive_hangups()
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except LogpostError as error:
        return _failed(str(error) + ownership.remedy(error), error.exit_status)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _write_no_more()
        return 0  # the reader went away (`logpost search … | head`): it has what it wanted
    except OSError as error:
        if error.filename is not None:
            remedy = ": run this as its owner, or name another place" if isinstance(error, PermissionError) else ""
            return _failed(f"cannot use {error.filename}: {error.strerror}{ownership.remedy(error) or remedy}")
        if error.errno not in UNWRITABLE:
            raise
        _write_no_more()
        return _failed(f"cannot write the output: {error.strerror}")


def _outlive_hangups() -> None:
    """SIGHUP asks for a reload, and must end nothing that just starts, or is about to end."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: None)
        atexit.register(signal.signal, signal.SIGHUP, signal.SIG_IGN)  # Python itself would take the default again


def command_parser(first: str | None = None) -> Parser:
    """Of all commands that are installed, or of what the first argument asks for: a command loads no code of others,
    and `--help` none at all."""
    parser = Parser(prog="logpost", description="A post office for logs.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    if first == "--version":
        return parser
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    found = entry_points("logpost.commands")
    for name in [first] if first in found else found:
        if first in (None, name) or name not in SUMMARIES:
            imported(found[name])(commands)
        else:
            commands.add_parser(name, help=SUMMARIES[name])
    return parser


class _Version(argparse.Action):
    """Looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"logpost {version()}\n")
        parser.exit()


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    parsed = command_parser(next(iter(given), "")).parse_args(arguments)
    try:
        return int(parsed.run(parsed, parsed.configuration(parsed).config))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        return _failed(f"`{parsed.command}` needs {missing}: {how_to_install(parsed.run.__module__)}")


def how_to_install(module: str) -> str:
    """The line that installs what a module of logpost imports."""
    extra = EXTRAS.get(module.partition(".")[0])
    return f"pip install 'logpost[{extra}]'" if extra else "pip install logpost"


def _failed(why: str, status: int = 1) -> int:
    prefix = f"<{ERROR}>" if leads_to_journal(2) else ""
    sys.stderr.write(f"{prefix}logpost: {why}\n")
    return status


def _open_streams() -> None:
    """A standard stream that the caller closed leads nowhere: else the next file that is opened gets its number, and
    what is printed. A terminal that does not have a character gets it as an escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # open to the end
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr


def _write_no_more() -> None:
    """What is left goes nowhere: the interpreter would try to write it again at its end, and end with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def utf_8(argument: str) -> str:
    """An argument that must be text, for `type=`: UTF-8, whatever the terminal's encoding is."""
    if not any("\ud800" <= sign <= "\udfff" for sign in argument):
        return argument
    try:
        return os.fsencode(argument).decode()
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{argument!r} is not UTF-8") from None


def add_parser(commands: Commands, name: str, run: Run, summary: str = "", *, nested: bool = False) -> Parser:
    """A command's parser, with the options that all commands share. `nested`: `commands` are those of a command, before
    whose name the options may stand as well, and have a `summary` of their own."""
    summary = summary or SUMMARIES[name]
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

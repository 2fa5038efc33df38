"""Manual pages of a command line, made of its parser: what `--help` says, as roff."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator

SECTIONS = {"positional arguments": "ARGUMENTS", "options": "OPTIONS"}


def only(parser: argparse.ArgumentParser, names: Iterable[str]) -> argparse.ArgumentParser:
    """The parser without the commands that a package does not have."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name in set(action.choices) - set(names):
                del action.choices[name]
            action._choices_actions = [choice for choice in action._choices_actions if choice.dest in action.choices]
    return parser


def pages(parser: argparse.ArgumentParser, *, version: str, date: str) -> dict[str, str]:
    """File name → page: one of the program, and one of each command with those below it. `date` is YYYY-MM-DD."""
    commands = dict(_commands(parser))
    names = [f"{parser.prog}-{name}" for name in commands]
    found = {f"{parser.prog}.1": _page(parser, _overview(parser, names), version, date)}
    for name, command in commands.items():
        found[f"{parser.prog}-{name}.1"] = _page(command, _command(command, parser.prog), version, date)
    return found


def _page(parser: argparse.ArgumentParser, sections: Iterator[str], version: str, date: str) -> str:
    name = parser.prog.replace(" ", "-")
    summary = (parser.description or "").rstrip(".")
    head = [
        f'.TH {name.upper()} 1 "{date}" "logpost {version}" "logpost"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(summary)}",
    ]
    return "\n".join([*head, *sections]) + "\n"


def _overview(parser: argparse.ArgumentParser, names: list[str]) -> Iterator[str]:
    yield from _synopsis(parser)
    yield ".SH COMMANDS"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._get_subactions():
                yield from (".TP", f"\\fB{_text(choice.dest)}\\fR", _text(choice.help or ""))
    yield from _arguments(parser, ".SH")
    yield from _files()
    yield from (".SH SEE ALSO", *(f".BR {_text(name)} (1)" for name in names))


def _command(parser: argparse.ArgumentParser, program: str) -> Iterator[str]:
    yield from _synopsis(parser)
    yield from (".SH DESCRIPTION", _text(parser.description or ""))
    yield from _arguments(parser, ".SH")
    for name, nested in _commands(parser):
        yield from (f'.SH "COMMAND {_text(name)}"', _text(nested.description or ""))
        yield from (".PP", f"\\fB{_text(_usage(nested))}\\fR")
        yield from _arguments(nested, ".SS")
    yield from _files()
    yield from (".SH SEE ALSO", f".BR {_text(program)} (1)")


def _synopsis(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (".SH SYNOPSIS", f"\\fB{_text(_usage(parser))}\\fR")


def _arguments(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    for group in parser._action_groups:
        told = [
            action
            for action in group._group_actions
            if action.help is not argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)
        ]
        if told:
            title = group.title or "options"
            yield f"{heading} {SECTIONS.get(title, title.upper())}"
        for action in told:
            yield from (".TP", _invocation(parser, action), _text(_help(parser, action)))
    if parser.epilog:
        yield from (".PP", _text(parser.epilog))


def _invocation(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """`--since TIME`, the names bold and the values in italics."""
    formatter = parser._get_formatter()
    if not action.option_strings:
        return f"\\fI{_text(formatter._format_args(action, action.dest))}\\fR"
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in action.option_strings)
    if action.nargs == 0:
        return names
    return f"{names} \\fI{_text(formatter._format_args(action, action.dest.upper()))}\\fR"


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _usage(parser: argparse.ArgumentParser) -> str:
    return re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip()


def _files() -> Iterator[str]:
    yield from (
        ".SH FILES",
        ".TP",
        "/etc/logpost/logpost.toml",
        "the configuration; \\fB\\-\\-config\\fR names another",
    )
    yield from (".TP", "/var/lib/logpost", "the data directory; \\fB\\-\\-data\\fR names another")


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _text(text: str) -> str:
    """Text as roff: a dash that can be copied, no line that begins as a request does."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.MULTILINE)

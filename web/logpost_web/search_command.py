"""The command `logpost search`: the HTTP API from a terminal.

Exit status as grep's: 0 lines were found, 1 none were, 2 the search could not be made.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import LogpostError
from logpost_web.search.errors import BadArgumentError
from logpost_web.search.times import parse_duration

PAGE = 1000
TIMEOUT_SECONDS = 60
COLOURS = {"fatal": "35;1", "error": "31", "warn": "33", "info": "36", "debug": "90", "trace": "90"}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class SearchError(LogpostError):
    """A search that the server refused, or no server."""

    exit_status = 2


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "search", run, "Search the logs; prints the newest matches, the last line newest.")
    parser.add_argument("query", metavar="QUERY", nargs="?", default="", help="see docs/search.md; default: everything")
    parser.add_argument("--since", metavar="TIME", default="", help="30m, 1h, 7d ago, or a time (default: all time)")
    parser.add_argument("--until", metavar="TIME", default="", help="the same (default: now)")
    parser.add_argument("--limit", metavar="N", type=_positive, default=100, help="most lines (default: 100)")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--url", default="", help="the server (default: http://localhost and web.port)")


def run(parsed: argparse.Namespace, config: Config) -> int:
    server = (parsed.url or f"http://localhost:{config.web.port}").rstrip("/")
    arguments = {"q": parsed.query, "start": _ago(parsed.since), "end": _ago(parsed.until)}
    found: list[dict[str, Any]] = []
    for answer in _pages(server, arguments, parsed.limit):
        found += answer["rows"]
    show = _as_json if parsed.json else _as_line
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.writelines(show(row, colour) + "\n" for row in reversed(found))
    sys.stdout.flush()
    return 0 if found else 1


def _pages(server: str, arguments: Mapping[str, str], limit: int) -> Iterator[dict[str, Any]]:
    cursor = ""
    while limit > 0:
        answer = _get(server, {**arguments, "limit": str(min(limit, PAGE)), "cursor": cursor})
        if not cursor:
            _warn_of_gaps(answer["complete"])
        yield answer
        limit -= len(answer["rows"])
        cursor = answer["cursor"] or ""
        if not cursor:
            return


def _get(server: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Raises SearchError."""
    address = f"{server}/api/search?{urllib.parse.urlencode(arguments)}"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise SearchError(_refusal(error, arguments["q"])) from error
    except ValueError as error:
        raise SearchError(f"{server} is not a server of logpost: {error}") from error
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise SearchError(f"{server} does not answer ({reason}): is `logpost web` running?") from error
    assert isinstance(answer, dict)
    return answer


def _refusal(error: urllib.error.HTTPError, query: str) -> str:
    try:
        body = json.load(error)["error"]
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"
    message = str(body["message"])
    if body["at"] is None:
        return message
    return f"{message}\n  {_CONTROL.sub(' ', query)}\n  {' ' * int(body['at'])}^"


def _warn_of_gaps(complete: Mapping[str, Any]) -> None:
    """What the answer lacks, a line each."""
    if complete["paused"]:
        _warn(f"indexing is paused since {complete['paused']['since']}: {complete['paused']['reason']}")
    behind = complete["behind"]
    if behind:
        records = sum(partition["records"] for partition in behind)
        _warn(f"{records:,} records in {len(behind)} partitions are not indexed yet")
    for gap in complete["stepped_over"]:
        offsets = f"offsets {gap['from']} to {gap['to'] - 1}"
        _warn(f"not in any answer: {gap['topic']}-{gap['partition']}, {offsets}: {gap['reason']}")


def _warn(text: str) -> None:
    sys.stderr.write(f"logpost: {_visible(text)}\n")


def _as_json(row: Mapping[str, Any], _: bool) -> str:
    return json.dumps(row, ensure_ascii=False)


def _as_line(row: Mapping[str, Any], colour: bool) -> str:
    moment = datetime.datetime.fromisoformat(row["ts"][:26].rstrip("Z") + "+00:00").astimezone()
    level = row["level"] or "-"
    shown = f"{level:5}"
    if colour and level in COLOURS:
        shown = f"\x1b[{COLOURS[level]}m{shown}\x1b[0m"
    source = "/".join(part for part in (row["host"], row["service"]) if part) or "-"
    time = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    # A log line must not steer the terminal.
    return f"{time} {shown} {_visible(source)} {_visible(row['message'])}"


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _ago(text: str) -> str:
    """`1h` → `-1h`; the server reads all other times itself."""
    try:
        parse_duration(text)
    except BadArgumentError:
        return text
    return f"-{text}"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return int(text)

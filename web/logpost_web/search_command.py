"""The command `logpost search`: the HTTP API from a terminal.

Exit status as grep's: 0 lines were found, 1 none were, 2 the search could not be made. Times are read and printed in
the machine's zone.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict

import msgspec

from logpost.addresses import local_url
from logpost.cli import Commands, add_parser, utf_8
from logpost.config import Config
from logpost.controls import visible
from logpost.errors import LogpostError
from logpost_web.errors import BadArgumentError
from logpost_web.query.times import parse_duration
from logpost_web.row_text import pointed, row_text, row_time, zone_name

PAGE = 1000
TIMEOUT_SECONDS = 60
_WITHOUT_ZONE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?))?(?:(?<=:\d\d:\d\d)([.,]\d+))?")


class _Page(TypedDict):
    """An answer of `/api/search`, its rows as they came."""

    rows: list[msgspec.Raw]
    cursor: str | None
    complete: dict[str, Any]
    hints: NotRequired[list[dict[str, Any]]]


class _Place(msgspec.Struct):
    topic: str
    partition: int
    offset: int
    attrs: msgspec.Raw
    topic_id: str = ""
    message_bytes: int = 0


class SearchError(LogpostError):
    """A search that the server refused, or no server."""

    exit_status = 2


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "search", run)
    parser.dash_is_text = True
    parser.add_argument(
        "query", metavar="QUERY", nargs="?", default="", type=utf_8, help="see docs/search.md; default: everything"
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        default="",
        type=utf_8,
        help="30m, 1h, 7d ago, or a time: 2026-11-20 19:00 (default: all time)",
    )
    parser.add_argument("--until", metavar="TIME", default="", type=utf_8, help="the same (default: now)")
    parser.add_argument("--limit", metavar="N", type=_positive, default=100, help="most lines (default: 100)")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        default="",
        type=utf_8,
        help="give up after this time: 2s, 1m (default: the server's)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line, the newest first")
    parser.add_argument("--url", default="", help="the server (default: that of web.listen and web.port)")


def run(parsed: argparse.Namespace, config: Config) -> int:
    server = _server(parsed.url or local_url(config.web.listen, config.web.port))
    arguments = {"q": parsed.query.strip(), "start": _time(parsed.since), "end": _time(parsed.until)}
    if parsed.timeout:
        arguments["timeout"] = parsed.timeout
    pages = _pages(server, arguments, parsed.limit)
    zones = ""
    try:
        if parsed.json:
            found = _print_json(server, pages)
        else:
            found, zones = _print_text(pages)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries again at its end
        raise SearchError(f"cannot write the lines: {error.strerror}") from error
    _warn(f"{found:,} {'line' if found == 1 else 'lines'}{zones}" if found else "no lines")
    return 0 if found else 1


def _server(url: str) -> str:
    """Raises SearchError."""
    server = (url if "://" in url else f"http://{url}").rstrip("/")
    try:
        parts = urllib.parse.urlsplit(server)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not server.isprintable() or " " in server:
        raise SearchError(f"--url {url!r} is no address: write http://localhost:8080")
    return server


def _print_text(pages: Iterator[_Page]) -> tuple[int, str]:
    """The number of lines; which zones their times are in, two where the clocks were changed between them."""
    rows = [row for page in pages for row in page["rows"]]
    zones: dict[str, None] = {}
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for row in reversed(rows):
        decoded = msgspec.json.decode(row)
        text = row_text(decoded, colour=colour)
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "backslashreplace") + b"\n")
        zones[zone_name(row_time(decoded))] = None
    return len(rows), f", times in {' and '.join(zones)}"


def _print_json(server: str, pages: Iterator[_Page]) -> int:
    """A page at a time, so that memory does not grow, and as the server writes it: numbers keep their digits."""
    found = 0
    for page in pages:
        for row in page["rows"]:
            sys.stdout.buffer.write(_whole(server, row) + b"\n")
        sys.stdout.buffer.flush()
        found += len(page["rows"])
    return found


def _whole(server: str, row: msgspec.Raw) -> bytes:
    """The row with all of its message and attributes, as far as the store has them."""
    place = msgspec.json.decode(row, type=_Place)
    if not place.message_bytes and not bytes(place.attrs).startswith(b'{"logpost.attrs_bytes"'):
        return bytes(row)
    arguments = {"topic": place.topic, "partition": place.partition, "offset": place.offset, "topic_id": place.topic_id}
    try:
        return _read(f"{server}/api/record?{urllib.parse.urlencode(arguments)}")
    except urllib.error.HTTPError as error:
        error.close()
        return bytes(row)


def _pages(server: str, arguments: Mapping[str, str], limit: int) -> Iterator[_Page]:
    cursor = ""
    while limit > 0:
        answer = _get(server, {**arguments, "limit": str(min(limit, PAGE)), "cursor": cursor})
        if not cursor:
            for gap in gaps(answer["complete"]):
                _warn(gap)
            for hint in answer.get("hints", ()):
                _warn(f"read as {hint['read_as']}; perhaps you mean {hint['instead']}")
        yield answer
        limit -= len(answer["rows"])
        cursor = answer["cursor"] or ""
        if not cursor:
            return


def _get(server: str, arguments: Mapping[str, str]) -> _Page:
    """Raises SearchError."""
    try:
        return msgspec.json.decode(_read(f"{server}/api/search?{urllib.parse.urlencode(arguments)}"), type=_Page)
    except urllib.error.HTTPError as error:
        with error:
            raise SearchError(_refusal(error, arguments["q"])) from error
    except msgspec.MsgspecError as error:
        raise SearchError(f"{server} is not a server of logpost: {error}") from error


def _read(address: str) -> bytes:
    """Raises SearchError, and HTTPError for what the server refused."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            return bytes(response.read())
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = getattr(reason, "strerror", None) or reason
        server = address.partition("/api/")[0]
        raise SearchError(f"{server} does not answer ({reason}): is `logpost up` or `logpost web` running?") from error


def _refusal(error: urllib.error.HTTPError, query: str) -> str:
    try:
        body = json.load(error)["error"]
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"
    message = str(body["message"])
    if body["at"] is None:
        return message
    return f"{message}\n{pointed(query, int(body['at']), indent=2)}"


def gaps(complete: Mapping[str, Any]) -> Iterator[str]:
    """What the answer lacks, a line each."""
    if complete["paused"]:
        yield f"indexing is paused since {complete['paused']['since']}: {complete['paused']['reason']}"
    behind = complete["behind"]
    if behind:
        records = sum(partition["records"] for partition in behind)
        yield f"{records:,} records in {len(behind)} partitions are not indexed yet"
    for gap in complete["stepped_over"]:
        offsets = f"offsets {gap['from']} to {gap['to'] - 1}"
        yield f"not in any answer: {gap['topic']}-{gap['partition']}, {offsets}: {gap['reason']}"
    for one in complete["dropped"]:
        yield f"not in any answer: {one['count']:,} lines ({one['source']}: {one['reason']})"


def _warn(text: str) -> None:
    sys.stderr.write(f"logpost: {visible(text)}\n")


def _time(text: str) -> str:
    """`1h` → `-1h`, `2026-11-20 19:00` → that time in the machine's zone; the server reads all other times itself."""
    text = text.strip()
    if found := _WITHOUT_ZONE.fullmatch(text):
        date, clock, fraction = found.groups(default="")
        with contextlib.suppress(ValueError):
            moment = datetime.datetime.fromisoformat(f"{date} {clock or '00:00'}")
            offset = moment.astimezone().strftime("%z")
            return f"{date} {clock or '00:00'}{fraction}{offset[:3]}:{offset[3:5]}"
    try:
        parse_duration(text)
    except BadArgumentError:
        return text
    return f"-{text}"


def _positive(text: str) -> int:
    text = text.strip()
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return int(text)

"""`logpost search` against a real server: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess

from logpost_web.search_command import _as_line
from tests.support.processes import free_port, run


def search(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("search", "--url", address, *arguments, environment={"TZ": "UTC"})


def test_lines_for_people_the_newest_last(address: str) -> None:
    done = search(address, "host:web-*", "--limit", "2")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "2026-11-22 10:51:01.000 info  web-2/nginx GET /x",
        "2026-11-22 10:51:02.000 -     web-1/app <script>alert(1)</script>",
    ]


def test_rows_for_programs(address: str) -> None:
    done = search(address, "timed", "--json")
    assert done.returncode == 0
    [row] = [json.loads(line) for line in done.stdout.splitlines()]
    assert row["attrs"] == {"status": 504}
    assert row["ts"] == "2026-11-22T10:51:00.000000000Z"


def test_a_time_range(address: str) -> None:
    done = search(address, "--since", "2026-11-22T10:51:01Z", "--until", "2026-11-22T10:51:02Z")
    assert len(done.stdout.splitlines()) == 1


def test_nothing_found_ends_like_grep(address: str) -> None:
    done = search(address, "nosuchword", "--since", "1h")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_a_malformed_query_is_marked(address: str) -> None:
    done = search(address, "timed OR (out")
    assert done.returncode == 2
    assert done.stderr == (
        "logpost: expected a closing parenthesis\n"
        "  timed OR (out\n"
        "               ^\n"
    )  # fmt: skip


def test_a_malformed_time_is_one_clear_line(address: str) -> None:
    done = search(address, "--since", "yesterday")
    assert done.returncode == 2
    assert done.stderr.startswith("logpost: start: 'yesterday' is no time")
    assert done.stderr.count("\n") == 1


def test_no_server_is_one_clear_line() -> None:
    address = f"http://localhost:{free_port()}"
    done = search(address, "x")
    assert done.returncode == 2
    assert done.stderr.startswith(f"logpost: {address} does not answer")
    assert done.stderr.count("\n") == 1


def test_a_line_cannot_steer_the_terminal() -> None:
    row = {"ts": "2026-11-22T10:51:07.123456789Z", "host": "\x1b[2J", "service": "", "level": "error"}
    shown = _as_line({**row, "message": "a\x1b]0;title\x07\tb\nc\x9b"}, False)
    assert shown.endswith("\\x1b[2J a\\x1b]0;title\\x07\tb\nc\\x9b")

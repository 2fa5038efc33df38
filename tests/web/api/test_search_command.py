"""`logpost search` against a real server: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from logpost_web.indexer.indexer import UNKNOWN
from logpost_web.search_command import gaps
from logpost_web.store.store import Store
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
    server = address.removeprefix("http://")  # as people write it
    done = search(server, "--since", "2026-11-22T10:51:01Z", "--until", "2026-11-22T10:51:02Z")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["-level:info"], ["--limit", "9", "-host:web-1"], ["-host:web-1", "--since", "-100w"]]
)
def test_a_query_may_begin_with_a_dash(address: str, arguments: list[str]) -> None:
    done = search(address, *arguments)
    assert done.returncode == 0
    shown = arguments[0].removeprefix("-level:") if arguments[0].startswith("-level") else "web-1"
    assert shown not in done.stdout


def test_a_hint_for_what_is_read_otherwise(address: str) -> None:
    done = search(address, "localhost:9092", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'logpost: read as the field localhost; perhaps you mean "localhost:9092"\n' in done.stderr


def test_what_an_answer_lacks_is_said_a_line_each() -> None:
    complete = {
        "behind": [{"topic": "logs", "partition": 0, "records": 1200}],
        "stepped_over": [{"topic": "logs", "partition": 1, "from": 4, "to": 9, "reason": "a damaged batch"}],
        "dropped": [{"source": "store", "reason": "lost", "count": 1234}],
        "paused": {"since": "2026-11-22T10:51:00Z", "reason": "a full disk"},
    }
    assert list(gaps(complete)) == [
        "indexing is paused since 2026-11-22T10:51:00Z: a full disk",
        "1,200 records in 1 partitions are not indexed yet",
        "not in any answer: logs-1, offsets 4 to 8: a damaged batch",
        "not in any answer: 1,234 lines (store: lost)",
    ]


def test_nothing_found_ends_like_grep(address: str) -> None:
    done = search(address, "nosuchword", "--since", "1h")
    assert (done.returncode, done.stdout) == (1, "")
    [unknown, nothing] = done.stderr.splitlines()
    assert (UNKNOWN in unknown, nothing) == (True, "logpost: no lines")  # there is no broker


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


@pytest.mark.parametrize("url", ["http://", "ftp://localhost", "http://[::1", "http://my box", "localhost:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    done = search(url, "x")
    assert done.returncode == 2
    assert done.stderr == f"logpost: --url {url!r} is no address: write http://localhost:8080\n"


@pytest.mark.parametrize(
    ("zone", "shown", "name"),
    [
        ("UTC", "2026-11-22 10:51:01.000", "UTC, UTC+00:00"),
        ("Asia/Kolkata", "2026-11-22 16:21:01.000", "IST, UTC+05:30"),
        ("America/New_York", "2026-11-22 05:51:01.000", "E"),
    ],
)
def test_times_are_printed_and_read_in_one_zone_that_is_named(address: str, zone: str, shown: str, name: str) -> None:
    until = shown.replace("01.000", "02")
    done = run("search", "--url", address, "--since", shown, "--until", until, environment={"TZ": zone})
    assert [line[:23] for line in done.stdout.splitlines()] == [shown]
    assert done.stderr.splitlines()[-1].startswith(f"logpost: 1 line, times in {name}")


def test_lines_on_both_sides_of_a_change_of_clocks_name_both_zones(address: str) -> None:
    # Summer time ends in the second of the second line.
    done = run("search", "--url", address, environment={"TZ": "WIN0SUM,J1/0,J326/11:51:01"})
    assert [line[11:19] for line in done.stdout.splitlines()] == ["11:51:00", "10:51:01", "10:51:02"]
    assert done.stderr.splitlines()[-1] == "logpost: 3 lines, times in SUM, UTC+01:00 and WIN, UTC+00:00"


def test_a_day_begins_in_the_reader_s_zone(address: str) -> None:
    arguments = ("search", "--url", address, "--since", "2026-11-23", "--json")
    assert run(*arguments, environment={"TZ": "UTC"}).returncode == 1
    assert run(*arguments, environment={"TZ": "Pacific/Kiritimati"}).returncode == 0  # 14 hours ahead


def test_rows_for_programs_come_as_the_server_writes_them_over_all_pages(address: str) -> None:
    done = search(address, "--json", "--limit", "2")
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [2, 1]
    assert '"attrs":{"big":1152921504606846977}' in done.stdout
    assert search(address, "nosuchword", "--json").stderr.splitlines()[-1] == "logpost: no lines"


def test_rows_for_programs_have_all_of_a_long_message(address: str, store: Store) -> None:
    message = "long " + "x" * 100_000
    store.insert(json.dumps({"Topic": "logs-long-json", "Partition": 0, "Offset": 0, "Body": message}).encode())
    try:
        [line] = search(address, "topic:logs-long-json", "--json").stdout.splitlines()
        [text] = search(address, "topic:logs-long-json").stdout.splitlines()
    finally:
        store.command("ALTER TABLE otel_logs DELETE WHERE Topic = 'logs-long-json' SETTINGS mutations_sync = 1")
    assert json.loads(line)["message"] == message
    assert text.endswith("xxx … (100,005 bytes)")


def test_a_full_disk_is_one_clear_line(address: str) -> None:
    command = [sys.executable, "-m", "logpost", "search", "--url", address]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    [_, said] = done.stderr.splitlines()  # the first: that there is no broker
    assert (done.returncode, said) == (2, "logpost: cannot write the lines: No space left on device")


def test_a_long_row_for_programs_has_its_own_message(address: str, store: Store) -> None:
    """Not that which a topic that was made again has at the same offset, at the same time of the event."""
    place = {"Topic": "logs-again", "Partition": 0, "Offset": 0}
    for indexed, name in enumerate(("first", "later"), start=1):
        time = "2026-11-21T10:00:00Z"
        row = {**place, "TopicId": name, "Timestamp": time, "IndexedAt": indexed, "Body": name * 9000}
        store.insert(json.dumps(row).encode())
    try:
        lines = search(address, "topic:logs-again", "--json").stdout.splitlines()
    finally:
        store.command("ALTER TABLE otel_logs DELETE WHERE Topic = 'logs-again' SETTINGS mutations_sync = 1")
    assert sorted(json.loads(line)["message"] for line in lines) == ["first" * 9000, "later" * 9000]

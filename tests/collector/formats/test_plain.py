"""Time and level of lines in each plain format."""

from __future__ import annotations

import pytest

from tests.collector.formats.lines import PLAIN, UNREADABLE, read, time_of


@pytest.mark.parametrize(("line", "time", "level"), PLAIN)
def test_a_line_tells_its_time_and_level_and_stays_whole(line: str, time: str | None, level: str) -> None:
    parsed = read(line)
    assert (time_of(line), parsed.level) == (time, level)
    assert parsed.message == line


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_of_no_format_keeps_its_text(line: str) -> None:
    parsed = read(line)
    assert (parsed.ts_ns, parsed.level, parsed.message, parsed.attrs) == (None, "", line, {})


@pytest.mark.parametrize(
    "line",
    [
        "2026-02-30 10:51:07 WARN x",
        "2026-11-22T25:51:07Z WARN x",
        "2026-11-22T10:60:07Z WARN x",
        "2026-11-22T10:51:61Z WARN x",
        "2026-13-22T10:51:07Z WARN x",
        "0000-11-22T10:51:07Z WARN x",
        "2026-11-22T10:51:07+24:00 WARN x",
        "0001-01-01T00:00:00+01:00 WARN x",
        "9999-12-31T23:59:60Z WARN x",
        "02-30 16:13:38.811  1702  2395 W x",
        "00-10 16:13:38.811  1702  2395 W x",
        "081309 203615 148 WARN dfs",
        "<12>Nov 31 10:51:07 web-1 x",
        "<12>Foo 12 10:51:07 web-1 x",
        '::1 - - [31/Feb/2026:10:51:07 +0000] "GET / HTTP/1.1" 404 1',
        "[Sun Feb 30 04:47:44 2005] [warn] x",
        "W1131 10:51:07.123456 1 f.go:1] x",
    ],
)
def test_an_impossible_time_is_no_time_but_the_level_counts(line: str) -> None:
    parsed = read(line)
    assert (parsed.ts_ns, parsed.level, parsed.message) == (None, "warn", line)


def test_syslog_names_host_and_program() -> None:
    senders = {
        "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: failure": ("combo", "sshd"),
        "Jul  1 09:00:55 mac kernel[0]: x": ("mac", "kernel"),
        "Jul  1 09:00:55 mac com.apple.cts[258]: x": ("mac", "com.apple.cts"),
        "Jul  1 09:00:55 mac /usr/sbin/gmetad[1]: x": ("mac", "gmetad"),
        "Jul  1 09:00:55 mail postfix/smtpd[1]: x": ("mail", "postfix/smtpd"),
        "Jul  1 09:00:55 fe80::1 sshd[1]: x": ("fe80::1", "sshd"),
        "Jul  1 09:00:55 su: no host": ("", "su"),
        "Jul  1 09:00:55 mac --- last message repeated 1 time ---": ("mac", ""),
        "<34>1 2003-10-11T22:14:15.003Z web-1 su - ID47 - x": ("web-1", "su"),
        "<34>1 2003-10-11T22:14:15.003Z - - - - - x": ("", ""),
        "2026-11-22T10:51:07.123456+00:00 web-1 CRON[12]: x": ("web-1", "CRON"),
        "2026-11-22T10:51:07.123456+00:00 web-1 kernel: x": ("web-1", "kernel"),
        "2026-11-22T10:51:07.123456+00:00 Connection failed: x": ("", ""),
        "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: x": ("dn228", "crond"),
    }
    assert {line: (read(line).host, read(line).program) for line in senders} == senders


def test_an_access_line_has_its_fields() -> None:
    line = (
        '10.0.0.1 - frank [22/Nov/2026:10:51:07 +0000] "GET /a/b?q=1 HTTP/1.1" 404 2326 '
        '"http://shop.test/" "Mozilla/5.0 (\\"quoted\\")"'
    )
    assert read(line).attrs == {
        "client": "10.0.0.1",
        "user": "frank",
        "method": "GET",
        "path": "/a/b",
        "status": 404,
        "bytes": 2326,
        "referer": "http://shop.test/",
        "user_agent": 'Mozilla/5.0 (\\"quoted\\")',
    }


def test_an_access_line_of_a_client_that_speaks_no_http_has_what_is_there() -> None:
    line = '10.0.0.1 - - [22/Nov/2026:10:51:07 +0000] "\\x16\\x03\\x01" 400 - "-" "-"'
    assert read(line).attrs == {"client": "10.0.0.1", "status": 400}


def test_colours_and_a_byte_order_mark_are_read_past_and_kept() -> None:
    for line in ("\x1b[2m2026-11-22T10:51:07Z\x1b[0m \x1b[33m WARN\x1b[0m x", "\ufeff2026-11-22T10:51:07Z WARN x"):
        parsed = read(line)
        assert (time_of(line), parsed.level, parsed.message) == ("2026-11-22T10:51:07Z", "warn", line)
    assert read('\ufeff{"msg":"first of the file"}').message == "first of the file"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-11-22T10:51:07Z \x1b[31mERROR\x1b[0m db: connection lost", "error"),
        ("\x1b[90m2026-11-22 10:51:07Z\x1b[39m \x1b[1;38;5;208mWARN\x1b[0m slow", "warn"),
        ("[2026-11-22T10:51:07Z] \x1b[38:2:1:2:3mINFO\x1b[m ready \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "info"),
        ("2026-11-22T10:51:07Z \x1b(B\x1b[mDEBUG\x1b[K x", "debug"),
        ("2026-11-22T10:51:07Z \x9b1;31mERROR\x9bm x", "error"),
        ("\x1b7\x1bc2026-11-22T10:51:07Z WARN x\x1b8", "warn"),
        ("2026-11-22T10:51:07Z ERROR broken off \x1b[3", "error"),
    ],
)
def test_colours_are_no_part_of_levels_and_times(line: str, level: str) -> None:
    parsed = read(line)
    assert (time_of(line), parsed.level, parsed.message) == ("2026-11-22T10:51:07Z", level, line)


def test_a_coloured_line_of_pairs_is_taken_apart_without_its_colours() -> None:
    parsed = read("\x1b[36mlevel\x1b[0m=warn \x1b[36mmsg\x1b[0m=hi \x1b[36mn\x1b[0m=5")
    assert (parsed.level, parsed.message, parsed.attrs) == ("warn", "hi", {"n": 5})

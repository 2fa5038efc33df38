"""Syslog: RFC 3164 as files hold it (`Nov 22 10:51:07 host program[pid]: …`), RFC 5424, and the `<PRI>` in front."""

from __future__ import annotations

import re

from logpost.formats.iso import iso_line
from logpost.formats.levels import SYSLOG
from logpost.formats.parsed import Parsed
from logpost.formats.times import ISO_TIME, Times, month_name_day, year_month_day
from logpost.formats.zones import NAMED

PROGRAM = r"([^\s\[\]:()]{1,128})(?:\([^)]{0,64}\))?(?:\[[^\]]{0,64}\])?:"
"""`sshd[24200]:`, `crond(pam_unix)[2915]:`, `kernel:`"""
_RFC3164 = re.compile(
    r"([A-Z][a-z]{2} {1,2}\d{1,2}(?: \d{4})?) (\d\d:\d\d):(\d\d)(?:\.(\d{1,9})\d*+)?"
    rf"(?: ({NAMED}|[+-]\d\d:?\d\d)(?=[ :]))?:? (?:([^\s\[\](]{{0,254}}[^\s:\[\](]) )?(?:{PROGRAM})?",
    re.ASCII,
)
_RFC5424 = re.compile(rf"1 (?:-|{ISO_TIME}) (\S{{1,255}}) (\S{{1,48}}) \S{{1,128}} \S{{1,32}} (?=-|\[)", re.ASCII)
_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_HIGHEST_PRIORITY = 191  # facility 23, severity 7


def rfc3164_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _RFC3164.match(text)
    if match is None:
        return None
    date, minute, second, fraction, zone, host, program = match.groups()
    return Parsed(
        message=text,
        ts_ns=times.at(month_name_day, date, minute, second, fraction, zone, now_ns),
        program=program_name(program),
        host=host or "",
    )


def program_name(program: str | None) -> str:
    """`/usr/sbin/gmetad` → `gmetad`; `postfix/smtpd` stays, it names a part of postfix."""
    if not program:
        return ""
    return program.rpartition("/")[2] if program[0] == "/" else program


def rfc5424_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _RFC5424.match(text)
    if match is None:
        return None
    date, minute, second, fraction, offset, host, program = match.groups()
    ts_ns = times.at(year_month_day, date, minute, second, fraction, offset, now_ns) if date else None
    return Parsed(message=text, ts_ns=ts_ns, program=_unless_nil(program), host=_unless_nil(host))


def _unless_nil(value: str) -> str:
    return "" if value == "-" else value


def priority_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """A line behind `<PRI>`, of whichever syslog: as a socket receives it, or as systemd reads it from stderr."""
    match = _PRIORITY.match(text)
    if match is None or int(match[1]) > _HIGHEST_PRIORITY:
        return None
    rest = text[match.end() :]
    parsed = Parsed(message=text)
    for candidate in (rfc5424_line, rfc3164_line, iso_line):
        found = candidate(rest, times, now_ns)
        if found is not None:
            parsed = found
            break
    parsed.message = text
    parsed.level = SYSLOG[int(match[1]) & 7]
    return parsed

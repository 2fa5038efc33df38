"""Logs of three supercomputers, which carry the event's Unix time in a column: BGL, Thunderbird, HPC."""

from __future__ import annotations

import re

from logpost.formats.levels import LEVEL_OF
from logpost.formats.parsed import Parsed
from logpost.formats.syslog import PROGRAM, program_name
from logpost.formats.times import SECOND_NS, Times

# Both open with an alert category, `-` for none, then Unix seconds, date and node.
_ALERT = r"\S{1,32} (\d{9,10}) \d{4}\.\d\d\.\d\d (\S{1,64}) "
_BGL = re.compile(
    _ALERT + r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.(\d{6}) \S{1,64} \w{1,32} \w{1,32} ([A-Z]{4,8})\b", re.ASCII
)
_THUNDERBIRD = re.compile(
    _ALERT + rf"[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d \S{{1,128}}(?: {PROGRAM})?", re.ASCII
)
_HPC = re.compile(r"\d{1,10} \S{1,64} \S{1,64} \S{1,128} (\d{9,10}) -?\d{1,5}(?: |$)", re.ASCII)


def bgl_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _BGL.match(text)
    if match is None:
        return None
    seconds, node, microseconds, level = match.groups()
    ts_ns = int(seconds) * SECOND_NS + int(microseconds) * 1000
    return Parsed(message=text, ts_ns=ts_ns, level=LEVEL_OF.get(level, ""), host=node)


def thunderbird_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _THUNDERBIRD.match(text)
    if match is None:
        return None
    seconds, node, program = match.groups()
    return Parsed(message=text, ts_ns=int(seconds) * SECOND_NS, program=program_name(program), host=node)


def hpc_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _HPC.match(text)
    return Parsed(message=text, ts_ns=int(match[1]) * SECOND_NS) if match else None

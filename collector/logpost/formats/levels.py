"""The level of a line, from the field that its own format has for it; words of the message are never asked."""

from __future__ import annotations

import re

_WORDS = {
    "trace": "trace finest verbose",
    "debug": "debug debug1 debug2 debug3 debug4 debug5 finer fine config dbg dbug",
    "info": "info information informational inf notice note log system audit",
    "warn": "warn warning wrn",
    "error": "error err eror severe failure",
    "fatal": "fatal critical crit alert emerg emergency panic dpanic ftl",
}
_OTHER_WORDS = {f"trace{depth}": "trace" for depth in range(1, 9)} | {
    **dict.fromkeys(("trc", "trce", "vrb", "silly"), "trace"),
    **{"dbug": "debug", "fail": "error"},
}
"""Only of a field that is a level; in a text they may be other words."""
_LETTERS = {"v": "trace", "t": "trace", "d": "debug", "i": "info", "w": "warn", "e": "error", "f": "fatal"}
_SMALL = {word: level for level, words in _WORDS.items() for word in words.split()}

LEVEL_OF = {
    form: level
    for word, level in (_SMALL | _OTHER_WORDS | _LETTERS).items()
    for form in (word, word.upper(), word.title())
}
"""A level as programs write it → one of `logpost.record.LEVELS`."""

SYSLOG = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")
"""Severity of RFC 5424 (0 emergency … 7 debug) → level."""

# Capitals that stand alone behind a time or at the start of a line are a level in every format that writes them so.
# Other letters need a delimiter behind them and rare words need brackets: "config reloaded" is a message.
_CAPITALS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|FATAL|CRIT(?:ICAL)?|ALERT|EMERG|PANIC|FINE(?:R|ST)?"
_COMMON = "trace|debug|info|notice|warn(?:ing)?|error|fatal|critical|Trace|Debug|Info|Notice|Warn(?:ing)?|Error|Fatal"
_ANY = "|".join(form for word in _SMALL for form in (word, word.upper(), word.title()))
_LEVEL = (
    rf"(?:({_CAPITALS})(?=[\s:|\]/,]|$)"
    rf"|\[ ?({_ANY}) *+\]"
    rf"|({_COMMON}|Critical|LOG|DEBUG[1-5])(?=:|\t|  | ?\|| - ))"
)
# What may stand between the time and the level: a thread or process in brackets, a number, a logger's dotted name,
# user@database, or any name that a dash, bar or colon closes.
_FIELD = (
    r"(?>\[[^\]]{0,200}\]|[\w$-]{0,80}\.[\w.$-]{1,120}|\d{1,20}(?![\w])|[\w.-]{1,80}@[\w.-]{1,80}"
    r"|root(?= )|[\w:/-]{1,120}(?= {1,40}[-|:] ))(?=[\s,:|\]\[]|$)"
)
# RFC 9557 and Java put the zone's name behind its offset: `+01:00[Europe/Paris]`.
_TAG = r"(?:\[!?[\w/+=.-]{1,64}\]){0,2}?"
_HEADER = re.compile(rf"{_TAG}(?:[\s,:|\]-]{{1,16}}+{_FIELD}){{0,3}}?[\s,:|\]-]{{0,16}}+{_LEVEL}", re.ASCII)
_FIRST = re.compile(_LEVEL, re.ASCII)


def level_behind(text: str, position: int) -> str:
    """The level in the header fields that follow a time, which ends at `position`; empty when there is none."""
    match = _HEADER.match(text, position)
    return LEVEL_OF[match[match.lastindex or 0]] if match else ""


def level_in_front(text: str) -> str:
    """The level that a line opens with: `WARNING:root:…`, `[INFO] …`, `ERROR: …`."""
    match = _FIRST.match(text)
    return LEVEL_OF[match[match.lastindex or 0]] if match else ""

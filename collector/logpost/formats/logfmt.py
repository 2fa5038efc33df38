"""Lines of `key=value` pairs: logfmt, and the Linux audit log."""

from __future__ import annotations

import re

from logpost.formats.fields import read_document
from logpost.formats.json_text import Document
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times, epoch_text

_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]{0,128})=("(?:[^"\\]|\\.)*+"(?=\s|$)|[^\s"]\S*+|(?=\s|$))\s*+')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_AUDIT = re.compile(r"(?:node=\S{1,255} )?type=\S{1,64} msg=audit\((\d{9,10}\.\d{1,9}):", re.ASCII)
_MAX_PAIRS = 256


def logfmt_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """Nothing but pairs, at least two of them. Where `msg` becomes the message, the pairs hold all that is left.

    An audit line's `msg=audit(1364481363.243:24287):` is its time and no message.
    """
    audit = _AUDIT.match(text)
    if audit is not None:
        return Parsed(message=text, ts_ns=epoch_text(audit[1]))
    document: Document = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None or match[1] in document or len(document) == _MAX_PAIRS:
            return None
        document[match[1]] = _value(match[2])
        position = match.end()
    return read_document(document, text, times, now_ns) if len(document) > 1 else None


def _value(raw: str) -> object:
    """A quoted value is a text; others are a number where no digit is lost by it, else a text."""
    if raw[:1] == '"':
        inner = raw[1:-1]
        return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), inner) if "\\" in inner else inner
    if raw[:1] in "-0123456789" and 0 < len(raw) < 19 and raw != "-inf":
        for number in (int, float):
            try:
                value = number(raw)
            except ValueError:
                continue
            if str(value) == raw:
                return value
    return raw

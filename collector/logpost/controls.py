"""Characters that are not seen, or that change what is: a text of others must not steer a terminal, hide a part of
itself or look like another line. Pure."""

from __future__ import annotations

import re

INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Controls (except tab and newline), what terminals take for line breaks, and what turns or hides text: as a class of
a regular expression, for the page too. Joiners are not among them: they belong to words and emojis."""
CONTROL = re.compile(f"[{INVISIBLE}]")


def visible(text: str) -> str:
    """`\\x1b` and `\\u202e` as they are written here; newlines and tabs stay."""
    return CONTROL.sub(_escaped, text)


def one_line(text: str) -> str:
    """As `visible`, newlines and tabs as `\\n` and `\\t`."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def encodable(text: str) -> str:
    """Of a path that is no UTF-8 what can be written as text: `caf\\udce9`."""
    return text.encode(errors="backslashreplace").decode()


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"

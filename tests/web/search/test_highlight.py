"""What of a message is marked. The expressions are JavaScript's; Python reads them once `\\u{…}` is rewritten."""

from __future__ import annotations

import re

import pytest

from logpost_web.search.highlight import highlights
from logpost_web.search.syntax import parse


def marked(query: str, message: str) -> list[str]:
    found = []
    for expression in highlights(parse(query)):
        python = re.sub(r"\\u\{(\w+)\}", lambda code: re.escape(chr(int(code[1], 16))), expression)
        found += re.findall(python, message, re.IGNORECASE)
    return found


@pytest.mark.parametrize(
    ("query", "message", "texts"),
    [
        ("error", "Error: errors and error_1", ["Error", "error"]),
        ("conn*", "connection conn reconn", ["connection", "conn"]),
        ("*fused", "refused fused fuseda", ["refused", "fused"]),
        ('"connection re"', "Connection refused", ["Connection re"]),
        ("a.b[c]", "xa.b[c]d aXb[c]", ["a.b[c]"]),
        ("/api/*/x", "GET /api/v1/x HTTP", ["/api/v1/x"]),
        ("a OR (b -c)", "a b c", ["a", "b"]),
        ("message:/t[io]p/ message:a", "tip top a", ["tip", "top", "a"]),
        ("straße", "Die STRAßE", ["STRAßE"]),
        ("service:a status:>1", "a", []),
        ("", "a", []),
    ],
)
def test_marks(query: str, message: str, texts: list[str]) -> None:
    assert marked(query, message) == texts


def test_a_text_asked_for_twice_is_marked_once() -> None:
    assert len(highlights(parse("a OR a"))) == 1

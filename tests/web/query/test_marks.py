"""What of a message is marked, and where, in the units that JavaScript counts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.query.syntax import parse
from logpost_web.query.marks import MAX_CHARACTERS, MAX_MARKS, Marker


def marked(query: str, message: str) -> list[str]:
    units = message.encode("utf-16-le")
    return [units[2 * start : 2 * end].decode("utf-16-le") for start, end in Marker(parse(query)).marks(message)]


@pytest.mark.parametrize(
    ("query", "message", "texts"),
    [
        ("error", "Error: errors and error_1 error error", ["Error", "error", "error", "error"]),
        ("conn*", "connection conn reconn", ["connection", "conn"]),
        ("*fused", "refused fused fuseda", ["refused", "fused"]),
        ('"connection re"', "Connection refused connection re", ["connection re"]),
        ('"connection re"', "Connection refused", []),
        ('*"x"', "x", ["x"]),
        ("a.b[c]", "xa.b[c]d a.b[c]d aXb[c]", ["a.b[c]"]),
        ("10.0.0.1", "10.0.0.12 10.0.0.1", ["10.0.0.1"]),
        ("10.0.0.*", "x10.0.0.1 10.0.0.12:80", ["10.0.0.12"]),
        ("/api/*/x", "GET /api/v1/x HTTP", ["/api/v1/x"]),
        ("a=", "a=a=a", ["a=", "a="]),
        ("==", "===", ["=="]),
        ("a OR (b -c)", "a b c", ["a", "b"]),
        ("message:/t[io]p/ message:a", "tip top a", ["tip", "top", "a"]),
        ("message:/(?i)E.r/", "err\n€ EUR", ["err", "EUR"]),
        ("message:/x*/", "axx", []),
        ("message:/\\C/", "é\U0001f600", ["é", "\U0001f600"]),
        ("message:/\\C超/", "aé超", ["é超"]),
        ("message:/b.*$/ b", "a b c", ["b c"]),
        ("STRASSE", "Die STRAßE", ["STRAßE"]),
        ("超时", "\U0001f600连接超时，超 时", ["超时"]),
        ("timeout", "error=timeout，Timeout", ["timeout", "Timeout"]),
        ("café", "cafe\u0301 CAFÉ cafe", ["cafe\u0301", "CAFÉ"]),
        ("timed", "\U0001f600 ＴＩＭＥＤ", ["ＴＩＭＥＤ"]),
        ('"connection lost"', "\x1b[31mconnection\x1b[0m lost\x1b[0m", ["connection\x1b[0m lost"]),
        ("error", "\x1b[31mERROR\x1b[0m", ["ERROR"]),
        ("fi", "ﬁ", ["ﬁ"]),
        ("각", "각 각", ["각", "각"]),
        ("service:a status:>1 level:x", "a", []),
        ("message:*", "a", []),
        ("", "a", []),
    ],
)
def test_marks(query: str, message: str, texts: list[str]) -> None:
    assert marked(query, message) == texts


def test_places_that_overlap_are_one() -> None:
    assert Marker(parse('a "a b" OR message:/b c/')).marks("a b c") == [(0, 5)]


@pytest.mark.parametrize(
    "query", ["message:/(a+)+b/", "message:/(a|a)+$/ OR evil", "message:/(a*)*b/", "*a*a*a*a*a*b*"]
)
def test_an_expression_that_stops_a_browser_costs_nothing(query: str) -> None:
    started = time.process_time()
    Marker(parse(query)).marks("evil " + "a" * 100_000 + "! end ab")
    assert time.process_time() - started < 5


def test_marks_are_bounded() -> None:
    assert len(Marker(parse("a")).marks("a " * 1000)) == MAX_MARKS
    assert len(Marker(parse("message:/a/")).marks("é a " * 1000)) == MAX_MARKS
    assert Marker(parse("b")).marks(" " * MAX_CHARACTERS + "b") == []


@given(
    st.text(st.sampled_from("aA bé，\U0001f600超\x1b[m\u0301ﬁİß.")),
    st.sampled_from(["a", "a*", "*é", "超", "ss", '"a b"', ".", "i"]),
)
def test_marks_lie_in_the_message_and_apart(message: str, query: str) -> None:
    at = 0
    for start, end in Marker(parse(query)).marks(message):
        assert at <= start < end <= len(message.encode("utf-16-le")) // 2
        at = end

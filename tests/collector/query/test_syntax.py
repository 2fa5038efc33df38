"""Query text → tree, and what a mistake is told to the user."""

from __future__ import annotations

import pytest

from logpost.query.ast import And, Compares, Equals, Everything, Field, Matches, Not, Or, Pattern, Query, Text
from logpost.query.errors import QuerySyntaxError
from logpost.query.syntax import MAX_CHARACTERS, MAX_DEPTH, MAX_TERMS, parse


def word(text: str) -> Text:
    return Text(Pattern(tuple(text.split("*"))))


def phrase(text: str) -> Text:
    return Text(Pattern((text,)), quoted=True)


def equals(name: str, value: str, at: int) -> Field:
    return Field(name, Equals(Pattern(tuple(value.split("*")))), at)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  \t\n ", Everything()),
        ("*", Everything()),
        ('""', Everything()),
        ("error", word("error")),
        ("  error  ", word("error")),
        ("a b", And((word("a"), word("b")))),
        ("a AND b", And((word("a"), word("b")))),
        ("a OR b c", Or((word("a"), And((word("b"), word("c")))))),
        ("(a OR b) c", And((Or((word("a"), word("b"))), word("c")))),
        ("-a", Not(word("a"))),
        ("NOT a b", And((Not(word("a")), word("b")))),
        ("-(a OR b)", Not(Or((word("a"), word("b"))))),
        ("((a))", word("a")),
        ("conn*", Text(Pattern(("conn", "")))),
        # Operators are upper case and whole words.
        ("or and not", And((word("or"), word("and"), word("not")))),
        ("ORDER ANDROID NOTE", And((word("ORDER"), word("ANDROID"), word("NOTE")))),
        # A minus inside a word or alone is text.
        ("blk_-695 a-b - c", And((word("blk_-695"), word("a-b"), word("-"), word("c")))),
        ('"connection refused"', phrase("connection refused")),
        (r'"say \"hi\" in C:\Users\\"', phrase('say "hi" in C:\\Users\\')),
        ('"a * b"', phrase("a * b")),
        ("10.251.73.220:50010", word("10.251.73.220:50010")),
        ("/var/log", word("/var/log")),
        ("std::vec http://host/x", And((word("std::vec"), word("http://host/x")))),
        ("12:34:56", word("12:34:56")),
    ],
)
def test_words_and_operators(text: str, tree: Query) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("service:nginx", equals("service", "nginx", 8)),
        ("host:web-*", equals("host", "web-*", 5)),
        ("user.name:ada", equals("user.name", "ada", 10)),
        ("user:*", equals("user", "*", 5)),
        ("a:b:c", equals("a", "b:c", 2)),
        ('path:"/a b/*"', Field("path", Equals(Pattern(("/a b/*",)), quoted=True), 5)),
        ("status:>=500", Field("status", Compares(">=", "500"), 7)),
        ("status:>= 500", Field("status", Compares(">=", "500"), 7)),
        ("message:/re?g ex/", Field("message", Matches("re?g ex"), 8)),
        (r"path:/^\/api\/v\d+$/", Field("path", Matches(r"^/api/v\d+$"), 5)),
        ("path:/api/*", equals("path", "/api/*", 5)),
        ("path:/api/v1/x", equals("path", "/api/v1/x", 5)),
        ("level:(error OR warn)", Or((equals("level", "error", 7), equals("level", "warn", 16)))),
        ("level:(error)", equals("level", "error", 7)),
        ("-level:info x", And((Not(equals("level", "info", 7)), word("x")))),
    ],
)
def test_fields(text: str, tree: Query) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ('"foo', 4, "expected a closing quote for the one at character 1"),
        ('a:"x', 4, "expected a closing quote for the one at character 3"),
        ("(a OR b", 7, "expected a closing parenthesis"),
        ("a)", 1, "this closing parenthesis has no opening one"),
        (")", 0, "this closing parenthesis has no opening one"),
        ("()", 1, "expected something to search for before )"),
        ("OR a", 0, "expected something to search for before OR"),
        ("a OR", 4, "expected something to search for after OR"),
        ("a AND OR b", 6, "expected something to search for before OR"),
        ("NOT", 3, "expected something to search for after NOT"),
        ("level:", 6, 'expected a value right after level:; to search for this text, put it in "quotes"'),
        ("error: refused", 6, 'expected a value right after error:; to search for this text, put it in "quotes"'),
        ("status:>=", 9, "expected a number right after status:>="),
        ("level:(a b)", 9, "expected OR or a closing parenthesis"),
        ("level:(a", 8, "expected OR or a closing parenthesis"),
    ],
)
def test_a_mistake_says_where_and_what_was_expected(text: str, at: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        parse(text)
    assert (raised.value.at, raised.value.message) == (at, message)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("x" * (MAX_CHARACTERS + 1), "10,000 characters"),
        ("x " * (MAX_TERMS + 1), "200 words and conditions"),
        ("-(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), "50 deep"),
        ("-(" * 3000 + "a" + ")" * 3000, "50 deep"),
    ],
)
def test_a_query_that_is_too_large_names_the_limit(text: str, limit: str) -> None:
    with pytest.raises(QuerySyntaxError, match=limit):
        parse(text)


def test_a_query_at_the_limits_is_taken() -> None:
    parse(" ".join(["x"] * MAX_TERMS))
    parse("(" * 4000 + "a" + ")" * 4000)
    parse("-" * (MAX_DEPTH - 1) + "a")


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1:80",
        "2026-11-22T10:51:07",
        "2a00:1450:4001::200e",
        "00:1A:2B:3C",
        "12:30",
        '"a": 1',
        '"Error: x":',
        '"a"::b',
    ],
)
def test_what_is_no_field(text: str) -> None:
    assert "Field(" not in repr(parse(text))


def test_names_in_quotes() -> None:
    assert parse('"a \\"b\\" \\\\":"v w"') == Field('a "b" \\', Equals(Pattern.exactly("v w"), quoted=True), 13)
    assert parse('"n":>=5') == Field("n", Compares(">=", "5"), 4)

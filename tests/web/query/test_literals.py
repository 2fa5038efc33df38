"""What is certain of a regular expression is in all that it matches."""

import string

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.query.expression import searcher
from logpost_web.query.literals import Literal, literals, longest


@pytest.mark.parametrize(
    ("regex", "texts"),
    [
        ("connection refused", ["connection refused"]),
        ("index.*length", ["index", "length"]),
        (r"took \d+ ms", ["took ", " ms"]),
        ("colou?r", ["colo", "r"]),
        ("ab*c", ["a", "c"]),
        ("ab+c", ["ab", "c"]),
        ("ab{2,}c", ["ab", "c"]),
        ("ab{0,3}c", ["a", "c"]),
        ("ab{x}c", ["ab{x}c"]),
        (r"^10\.0\.0\.1$", ["10.0.0.1"]),
        ("a(bc)d", ["a", "bc", "d"]),
        ("a(bc)?d", ["a", "d"]),
        ("a(?:bc|de)f", ["a", "f"]),
        ("(?P<n>ab)(?<m>cd)", ["ab", "cd"]),
        ("ab|cd", []),
        ("[]a]b[^]]c[[:alpha:]]]", ["b", "c", "]"]),
        (r"\x{41}b\x41c\p{Greek}d\pNe\101f", list("bcdef")),
        (r"\Qa.b\E", []),
        (r"a\E?b", []),
        ("a(?i){0}b", []),
        ("a(?i)*b", []),
        ("a**", []),
        ("(?=a)b", []),
        ("a(b", []),
        ("a)b", []),
        ("", []),
    ],
)
def test_texts_that_are_certain(regex: str, texts: list[str]) -> None:
    assert literals(regex) == tuple(Literal(text, any_case=False) for text in texts)


@pytest.mark.parametrize(
    ("regex", "found"),
    [
        ("(?i)Connection", [("Connection", True)]),
        ("(?i)refused", [("refu", True), ("ed", True)]),
        ("(?i:ab)cd", [("ab", True), ("cd", False)]),
        ("(?i)ab(?-i)cd", [("ab", True), ("cd", False)]),
        ("(?i)é", []),
        ("(?i)ab|cd", []),
        ("(?s)ab", [("ab", False)]),
    ],
)
def test_texts_in_upper_or_lower_case(regex: str, found: list[tuple[str, bool]]) -> None:
    assert list(literals(regex)) == found


def test_the_longest() -> None:
    assert longest("index.*length") == Literal("length", any_case=False)
    assert longest("a|b") is None


PIECES = [
    *("a", "b", "k", "S", "é", " ", "-", "]", "}", "{", "{2", "x{1,2}", "a{0}", ",", "1", ":", "ſ", "\u212a"),
    *(".", "^", "$", "|", "*", "+", "?", "??", "*?", "{0,1}", "{2}", "{1,}", "(", ")", "(?:", "(?i)", "(?-i)", "(?i:"),
    *("(?s)", "(?P<x>", "[ab]", "[^a]", "[]a]", "[[:alpha:]]", "[\\]a]", "[a-", "[", "\\.", "\\d", "\\b", "\\x{61}"),
    *("\\x61", "\\pL", "\\p{L}", "\\141", "\\n", "\\", "\\Q", "\\E", "\\C", "\\z", "\\-", "\\k"),
]
ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.text("abkKsSéx -]}{2,1:.|\\QE\n\u017f\u212a", max_size=14), max_size=6),
)
@settings(max_examples=1500)
def test_no_match_is_lost(regex: str, texts: list[str]) -> None:
    try:
        matches = searcher(regex)
    except re2.error:
        return
    certain = literals(regex)
    for text in [*texts, regex, regex.replace("\\", ""), "aaabbkkSS  éé"]:
        if matches(text):
            for literal, any_case in certain:
                assert literal in text or (any_case and literal.translate(ASCII_LOWER) in text.translate(ASCII_LOWER))

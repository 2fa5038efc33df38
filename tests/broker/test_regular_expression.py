"""RE2's language without going back: what Python's `re` matches where both mean the same, refused where RE2 refuses."""

from __future__ import annotations

import re
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.regular_expression import MAX_LENGTH, RegularExpression

ATOMS = st.sampled_from(["a", "b", "-", ".", "[ab]", "[^a]", "[a-c]", r"\d", r"\w", r"\.", r"[\d.]", "^", "$"])
REPEATS = st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, REPEATS).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
        inner.map(lambda one: f"(?P<name{len(one)}x{crc32(one.encode())}>{one})"),
    ),
    max_leaves=6,
)


@given(expression=EXPRESSIONS, name=st.text("abc-.1", max_size=6))
def test_it_matches_what_python_matches(expression: str, name: str) -> None:
    try:
        python = re.compile(expression)
    except re.error:  # the same group name twice
        return
    assert RegularExpression(expression).matches(name) is (python.fullmatch(name) is not None)


@pytest.mark.parametrize(
    ("expression", "matching", "other"),
    [
        ("logs-.*", "logs-web", "my-logs-web"),
        ("^logs-[0-9]{2}$", "logs-07", "logs-7"),
        ("a|b|", "", "c"),
        (r"\Aa\z", "a", "aa"),
        ("a{,2}", "a{,2}", "aa"),
        ("a{", "a{", "a"),
        ("[]a]", "]", "b"),
        ("[a-]", "-", "b"),
        (r"[^\d_]+", "ab", "a1"),
        ("(?<word>a)b", "ab", "a"),
        (r"\W", "-", "a"),
        ("(?i)LOGS-[a-c]", "logs-B", "logs-d"),
        ("(?i)[^a]", "b", "A"),
        ("[[:alpha:]_]+", "a_B", "a1"),
        ("[[:^digit:]]", "a", "1"),
        (r"\pL+", "é", "1"),
        ("a(?i)b", "aB", "AB"),
    ],
)
def test_what_it_says_is_what_it_matches(expression: str, matching: str, other: str) -> None:
    compiled = RegularExpression(expression)
    assert compiled.matches(matching)
    assert not compiled.matches(other)


@pytest.mark.parametrize(
    "expression",
    [
        "(a",
        "a)",
        "[a",
        "*",
        "a**",
        "a\\",
        r"(a)\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "a{2,1}",
        "a{1001}",
        "[b-a]",
        "[[:nothing:]]",
        "((a{100}){100}){100}",
        "a" * (MAX_LENGTH + 1),
    ],
)
def test_what_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RegularExpression(expression)


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|a)*b", "(a*)*b", ".*.*.*.*.*.*.*.*b", "(a?){200}a{200}b"])
def test_no_expression_takes_long(expression: str) -> None:
    """`re` would need longer than the universe has."""
    assert not RegularExpression(expression).matches("a" * 248 + "c")

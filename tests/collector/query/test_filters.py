"""Whether one event matches, where no row of the store says it."""

from __future__ import annotations

import msgspec
import pytest

from logpost.query.errors import QuerySyntaxError
from logpost.query.fields import MAX_LEVELS
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost.query.syntax import parse

EVENT = Event(
    message="upstream timed out, 3 tries",
    service="nginx",
    level="error",
    attrs={"status": 504, "took": msgspec.Raw(b"1.10"), "big": msgspec.Raw(b"18446744073709551617"), "tags": ["a"]},
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "timed OUT -connection",
        "service:nginx (status:200 OR status:504) level:>=warn",
        "took:1.1 took:1.100 took:>1 took:/^1.1$/",
        "big:18446744073709551617 big:>1e19",
        "tags:a",
        'host:"" topic:"" -topic:*',
        "-partition:* -partition:0 -partition:>=0 -offset:<1 -offset:/./",  # not known
    ],
)
def test_matches(query: str) -> None:
    assert compile_match(parse(query))(EVENT)


def test_pieces_of_a_wildcard_do_not_overlap() -> None:
    matches = compile_match(parse("service:ab*ba"))
    assert matches(Event(message="", service="abba"))
    assert matches(Event(message="", service="ab-ba"))
    assert not matches(Event(message="", service="aba"))


def test_arrays_are_looked_into_three_deep_and_those_in_their_objects_two() -> None:
    matches = compile_match(parse("a:x OR b.c:x"))
    assert matches(Event(message="", attrs={"a": [[["x"]]]}))
    assert not matches(Event(message="", attrs={"a": [[[["x"]]]]}))
    assert matches(Event(message="", attrs={"b": [{"c": [["x"]]}]}))
    assert not matches(Event(message="", attrs={"b": [{"c": [[["x"]]]}]}))


def test_a_path_of_many_levels_leads_through_objects_only() -> None:
    path = ".".join("a" * (MAX_LEVELS + 1))
    matches = compile_match(parse(f"{path}:1 {path}:*"))
    fields: dict[str, object] = {"a.a": 1}
    for _ in range(MAX_LEVELS - 1):
        fields = {"a": fields}
    assert matches(Event(message="", attrs=fields))
    assert not matches(Event(message="", attrs={"a": [fields["a"]]}))


def test_a_text_cuts_no_word_wherever_it_stands() -> None:
    matches = compile_match(parse('"out, 3"'))
    assert matches(EVENT)
    assert matches(Event(message="without, 3 or out, 30 but out, 3"))
    assert not matches(Event(message="without, 3 or out, 30"))


def test_half_a_surrogate_pair_is_only_a_sign() -> None:
    assert compile_match(parse("message:/x.y/ x*y"))(Event(message="x\ud800y xy"))


@pytest.mark.parametrize(
    ("query", "at", "message"),
    [
        ("a status:>abc", 9, "expected a number to compare with, not abc"),
        ("partition:>x", 10, "expected a number to compare with, not x"),
        ("service:>1", 8, "service is a text: > compares numbers"),
        ("message:>1", 8, "message is a text: > compares numbers"),
        ("level:>=loud", 6, "expected a level to compare with: trace, debug, info, warn, error, fatal"),
        ("a:/(b/", 2, r"this regular expression cannot be used: missing \)"),
    ],
)
def test_what_cannot_be_asked(query: str, at: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError, match=message) as raised:
        compile_match(parse(query))
    assert raised.value.at == at

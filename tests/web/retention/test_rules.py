"""The first rule that matches holds, and a class says which rule that was as long as that is certain."""

import pytest

from logpost.query.errors import QuerySyntaxError
from logpost.query.filters.event import Event
from logpost_web.retention.rules import NO_RULES, Rule, Rules

DEBUG, NOISY, ERRORS = Rule("level:debug", 3), Rule("service:noisy", 1), Rule("level:error", 90)


def test_the_first_rule_that_matches_holds() -> None:
    rules = Rules([DEBUG, NOISY], 14)
    events = [
        Event(message="x", level="debug", service="noisy"),
        Event(message="x", service="noisy"),
        Event(message="x"),
    ]
    assert [rules.keeps[rules.rule_of(event)] for event in events] == [3, 1, 14]


def test_rows_of_one_rule_are_of_its_class_whatever_comes_behind_it_and_however_long_it_keeps() -> None:
    before, after = Rules([DEBUG, NOISY], 14), Rules([Rule("level:debug", 7), ERRORS], 30)
    assert before.classes[0] == after.classes[0]
    assert after.of_class(before.classes[0]) == (0,)
    assert len({*before.classes, *after.classes}) == 5


def test_where_queries_changed_any_rule_may_hold() -> None:
    after = Rules([NOISY, DEBUG], 14)
    for number in (*Rules([DEBUG, NOISY], 14).classes, NO_RULES, 12345):
        assert after.of_class(number) == (0, 1, 2)
        assert after.longest(number) == 14


def test_without_rules_all_rows_are_of_one_class() -> None:
    rules = Rules([], 14)
    assert rules.classes == (NO_RULES,)
    assert rules.longest(NO_RULES) == 14
    assert rules.rule_of(Event(message="x")) == 0


def test_the_rows_of_a_rule_have_a_query() -> None:
    rules = Rules([Rule("a OR b", 3), NOISY], 14)
    assert [rules.query(rule) for rule in range(3)] == [
        "(a OR b)",
        "NOT (a OR b) AND (service:noisy)",
        "NOT (a OR b) AND NOT (service:noisy)",
    ]


def test_a_query_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(QuerySyntaxError):
        Rules([Rule("level:", 3)], 14)

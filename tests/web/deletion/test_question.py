"""What may be deleted."""

from __future__ import annotations

import pytest

from logpost.query.errors import QuerySyntaxError
from logpost.query.syntax import parse
from logpost_web.deletion.question import read_question, words
from logpost_web.errors import BadArgumentError
from logpost_web.query.times import SECOND_NS

NOW = 1_000_000 * SECOND_NS


@pytest.mark.parametrize("query", ["", "  ", "*", '""', "* OR a", "NOT (NOT *)", "* *", "(*)", "a OR *", "offset:*"])
def test_what_takes_everything_unsaid_is_refused(query: str) -> None:
    with pytest.raises(BadArgumentError):
        read_question(query, "", NOW)


@pytest.mark.parametrize("query", ["", "(* OR *)"])
def test_everything_before_a_time_is_said_with_a_star_alone(query: str) -> None:
    with pytest.raises(BadArgumentError):
        read_question(query, "-1d", NOW)
    _, condition, span = read_question("*", "-1d", NOW)
    assert (condition.sql, span.start_ns, span.end_ns) == ("1", None, NOW - 86_400 * SECOND_NS)


def test_errors_say_where() -> None:
    with pytest.raises(QuerySyntaxError):
        read_question('"ada', "", NOW)
    with pytest.raises(BadArgumentError, match=r"before: 'soon' is no time"):
        read_question("ada", "soon", NOW)


def test_words_are_those_that_no_log_may_repeat() -> None:
    query = parse('"Ada Lovelace" OR (user:ada* AND NOT mail:/ada@(home|work)/) status:>500')
    assert set(words(query)) == {"Ada", "Lovelace", "ada*", "*ada*", "*home*", "*work*"}

"""What may be deleted: a query, and a time before which. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logpost.query.ast import And, Equals, Field, Matches, Not, Or, Query, Text
from logpost.query.syntax import parse
from logpost_web.errors import BadArgumentError
from logpost_web.query.condition import Condition, compile_condition
from logpost_web.query.timerange import TimeRange
from logpost_web.query.times import parse_time
from logpost_web.store.columns import LOGS


def read_question(query: str, before: str, now_ns: int) -> tuple[Query, Condition, TimeRange]:
    """Raises BadArgumentError for a query that would take everything unsaid, and QuerySyntaxError."""
    if not query.strip():
        raise BadArgumentError("query is missing: what it finds is deleted; `*` with a time before which is all of it")
    parsed = parse(query)
    condition = compile_condition(parsed, LOGS)
    if _takes(parsed, is_all=True) and (query.strip() != "*" or not before):
        raise BadArgumentError("this query matches every line: to delete all before a time, write `*` and that time")
    try:
        end_ns = parse_time(before, now_ns) if before else None
    except BadArgumentError as error:
        raise BadArgumentError(f"before: {error}") from error
    return parsed, condition, TimeRange(end_ns=end_ns)


def _takes(query: Query, *, is_all: bool) -> bool:
    """Whether it takes all rows, or none, whatever they say."""
    match query:
        case Not(term):
            return _takes(term, is_all=not is_all)
        case And(terms):
            return (all if is_all else any)(_takes(term, is_all=is_all) for term in terms)
        case Or(terms):
            return (any if is_all else all)(_takes(term, is_all=is_all) for term in terms)
        case term:
            return compile_condition(term, LOGS).sql == str(int(is_all))


def words(query: Query) -> Iterator[str]:
    """What it looks for, word by word: no log is to repeat that. `*` at a word's end is any more of it."""
    match query:
        case And(terms) | Or(terms):
            for term in terms:
                yield from words(term)
        case Not(term):
            yield from words(term)
        case Text(pattern) | Field(_, Equals(pattern)):
            yield from re.findall(r"\*?\w+\*?", "*".join(pattern.pieces))
        case Field(_, Matches(regex)):
            yield from (f"*{found}*" for found in re.findall(r"\w{3,}", regex))

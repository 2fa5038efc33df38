"""Which rule of `[[store.retention]]` holds for a row: the first whose query it matches, and else `store.keep`. Pure.

A class is the rows for which the same rule held when they were stored. Its number is made of the queries up to that
rule: while these stay as they are, all its rows are of that rule, whatever comes behind it, and however long it keeps.
When they change, rows that are stored already may be of any rule.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from logpost.query.ast import And, Field, Not, Or, Query
from logpost.query.fields import Attribute, resolve
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost.query.syntax import parse

NO_RULES = 0
"""The class of rows that came when there was no rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    query: str
    keep_ms: int


class Rules:
    """Rule `len(rules)` is that of rows that match none. Raises QuerySyntaxError."""

    def __init__(self, rules: Sequence[Rule], keep_ms: int) -> None:
        self.rules = tuple(rules)
        self.keeps = (*(rule.keep_ms for rule in rules), keep_ms)
        """How long the rows of each rule are kept, in milliseconds."""
        queries = [rule.query for rule in rules]
        numbers = [_number(queries[: place + 1], is_rest=False) for place in range(len(queries))]
        self.classes = (*numbers, _number(queries, is_rest=True) if queries else NO_RULES)
        """The class of each rule."""
        self._rule_of = {number: place for place, number in enumerate(self.classes)}
        trees = [parse(query) for query in queries]
        self._matchers = [compile_match(tree) for tree in trees]
        self.needs_attributes = any(map(_asks_attributes, trees))
        """Whether an event must have its attributes to be asked."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and (self.rules, self.keeps) == (other.rules, other.keeps)

    def __hash__(self) -> int:
        return hash((self.rules, self.keeps))

    def rule_of(self, event: Event) -> int:
        for place, matches in enumerate(self._matchers):
            if matches(event):
                return place
        return len(self._matchers)

    def of_class(self, number: int) -> tuple[int, ...]:
        """The rules that may hold for the rows of a class."""
        rule = self._rule_of.get(number)
        return tuple(range(len(self.keeps))) if rule is None else (rule,)

    def longest(self, number: int) -> int:
        """How long the rows of a class are kept at most, in milliseconds."""
        return max(self.keeps[rule] for rule in self.of_class(number))

    def query(self, rule: int) -> str:
        """A query for the rows of a rule."""
        others = [f"NOT ({one.query})" for one in self.rules[:rule]]
        own = [f"({self.rules[rule].query})"] if rule < len(self.rules) else []
        return " AND ".join(others + own)


def _asks_attributes(query: Query) -> bool:
    match query:
        case Field(name):
            return isinstance(resolve(name), Attribute)
        case Not(term):
            return _asks_attributes(term)
        case And(terms) | Or(terms):
            return any(map(_asks_attributes, terms))
        case _:
            return False


def _number(queries: Sequence[str], *, is_rest: bool) -> int:
    """Of 32 bits, never NO_RULES."""
    text = json.dumps([list(queries), is_rest])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") | 1

"""Syntax tree → whether one event matches: what the web asks the store in SQL, asked of a record at hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from logpost.query.ast import And, Equals, Everything, Field, Not, Or, Query, Text
from logpost.query.fields import Attribute, RecordField, resolve
from logpost.query.filters.attribute import attribute
from logpost.query.filters.event import Event, Matcher
from logpost.query.filters.message import has_text
from logpost.query.filters.record_field import integer_field, level_field, text_field


def compile_match(query: Query) -> Matcher:
    """Compiled once, it takes about a microsecond for each word and condition. Raises QuerySyntaxError for a comparison
    that its field cannot answer, and for a regular expression that RE2 cannot read."""
    match query:
        case Everything():
            return lambda event: True
        case Text():
            return has_text(query)
        case Field():
            return _field(query)
        case Not(term):
            matches = compile_match(term)
            return lambda event: not matches(event)
        case And(terms):
            return _all([compile_match(term) for term in terms])
        case Or(terms):
            return _any([compile_match(term) for term in terms])


def _all(terms: Sequence[Matcher]) -> Matcher:
    def matches(event: Event) -> bool:
        for term in terms:  # noqa: SIM110 - a generator would take as long as a term
            if not term(event):
                return False
        return True

    return matches


def _any(terms: Sequence[Matcher]) -> Matcher:
    def matches(event: Event) -> bool:
        for term in terms:  # noqa: SIM110 - a generator would take as long as a term
            if term(event):
                return True
        return False

    return matches


def _field(field: Field) -> Matcher:
    match resolve(field.name):
        case Attribute(path):
            return attribute(path, field)
        case RecordField(_, "message"):
            match field.test:
                case Equals(pattern, quoted) if any(pattern.pieces):
                    return has_text(Text(pattern, quoted))
            return text_field(field)
        case RecordField(_, "level"):
            return level_field(field)
        case RecordField(_, "integer"):
            return integer_field(field)
        case RecordField():
            return text_field(field)

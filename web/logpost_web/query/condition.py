"""Syntax tree → SQL condition. Every text of the user becomes a parameter, never SQL; the
name in `name:*` stands between backticks if it has none of SQL's signs (`attribute`).

Words and phrases are searched in the message's normal form (`words`), which the store's index holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from logpost.query.ast import And, Compares, Equals, Everything, Field, Matches, Not, Or, Pattern, Query, Text
from logpost.query.comparison import level_pattern, levels, number
from logpost.query.errors import QuerySyntaxError
from logpost.query.fields import Attribute, RecordField, resolve
from logpost.query.numbers import INTEGER
from logpost.query.phrase import phrase
from logpost_web.query.attribute import Attributes, Value
from logpost_web.query.columns import Columns
from logpost_web.query.literals import longest

MAX_SQL = 240_000
"""Characters of a condition; ClickHouse reads no more than 262,144 of a statement."""
MIN_LITERAL = 3
"""Characters of a regular expression's text that is worth a look before it: shorter ones are in most messages."""
_ALL = "1"


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression (1 or 0, never NULL) on the rows of a table, and the parameters that it names."""

    sql: str
    parameters: Mapping[str, object]
    columns: Columns

    @property
    def matches_all(self) -> bool:
        return self.sql == _ALL


def compile_condition(query: Query, columns: Columns) -> Condition:
    """Raises QuerySyntaxError for a comparison that its field cannot answer, and above MAX_SQL."""
    compiler = _Compiler(columns)
    sql = compiler.compile(query)
    if len(sql) > MAX_SQL:
        raise QuerySyntaxError("a query has fewer conditions on fields deep inside of objects", 0)
    return Condition(sql, compiler.parameters, columns)


def regexes(query: Query) -> tuple[tuple[str, int], ...]:
    """Every regular expression of the query with its 0-based position. Only the store can say whether one is valid."""
    match query:
        case Field(_, Matches(regex), at):
            return ((regex, at),)
        case And(terms) | Or(terms):
            return tuple(found for term in terms for found in regexes(term))
        case Not(term):
            return regexes(term)
        case _:
            return ()


class _Compiler:
    """Collects the parameters of one query: `p0`, `p1`, …"""

    def __init__(self, columns: Columns) -> None:
        self.parameters: dict[str, object] = {}
        self._columns = columns
        self._attributes = Attributes(columns.attrs, self._parameter)
        self._names: dict[tuple[Value | tuple[Value, ...], str], str] = {}

    def compile(self, query: Query) -> str:
        match query:
            case Everything():
                return _ALL
            case Text():
                return self._text(query)
            case Field():
                return self._field(query)
            case Not(term):
                return f"NOT ({self.compile(term)})"
            case And(terms):
                return "(" + " AND ".join(self.compile(term) for term in terms) + ")"
            case Or(terms):
                return "(" + " OR ".join(self._alternatives(terms)) + ")"

    def _alternatives(self, terms: Sequence[Query]) -> Iterator[str]:
        """Values of one attribute are asked for together: each alone would cost as much as all."""
        values: dict[str, list[str]] = {}
        for term in terms:
            match term:
                case Field(name, Equals(Pattern((value,)))) if isinstance(where := resolve(name), Attribute):
                    values.setdefault(where.path, []).append(value)
                case _:
                    yield self.compile(term)
        for path, texts in values.items():
            yield self._attributes.equals(path, texts)

    def _parameter(self, value: Value | tuple[Value, ...], kind: str = "String") -> str:
        name = self._names.setdefault((value, kind), f"p{len(self.parameters)}")
        self.parameters[name] = list(value) if isinstance(value, tuple) else value
        return f"{{{name}:{kind}}}"

    # The message

    def _text(self, text: Text) -> str:
        wanted = phrase(text)
        if wanted is None:
            return _ALL
        searched = self._columns.searched_text
        conditions = [f"hasToken({searched}, {self._parameter(word)})" for word in wanted.words]
        if not wanted.is_word:
            conditions.append(f"match({searched}, {self._parameter(wanted.expression)})")
        return conditions[0] if len(conditions) == 1 else f"({' AND '.join(conditions)})"

    # Fields

    def _field(self, field: Field) -> str:
        columns = self._columns.fields
        match resolve(field.name):
            case Attribute(path):
                return self._attribute(path, field)
            case RecordField(name, "message"):
                return self._message_field(columns[name], field)
            case RecordField(name, "level"):
                return self._level(columns[name], field)
            case RecordField(name, "integer"):
                return self._integer(columns[name], field)
            case RecordField(name):
                return self._text_column(columns[name], field)

    def _text_column(self, column: str, field: Field) -> str:
        match field.test:
            case Compares(operator):
                raise QuerySyntaxError(f"{field.name} is a text: {operator} compares numbers", field.at)
            case Equals(pattern) if pattern.is_any:
                return f"{column} != ''"
            case Equals(pattern) if pattern.pieces == ("",):
                return f"{column} = ''"
            case test:
                return self._value(column, test)

    def _message_field(self, column: str, field: Field) -> str:
        """`message:word` is the same as `word`; only an expression is matched with case."""
        match field.test:
            case Equals(pattern, quoted) if any(pattern.pieces):
                return self._text(Text(pattern, quoted))
            case Matches(regex) if (literal := longest(regex)) and len(literal.text) >= MIN_LITERAL:
                like = self._parameter(f"%{_escape_like(literal.text)}%")
                return (
                    f"({column} {'ILIKE' if literal.any_case else 'LIKE'} {like} AND {self._value(column, field.test)})"
                )
            case _:
                return self._text_column(column, field)

    def _level(self, column: str, field: Field) -> str:
        """In any case; `level:>=warn` compares them."""
        match field.test:
            case Equals(pattern) if not pattern.is_any:
                return self._value(f"lowerUTF8({column})", Equals(level_pattern(pattern)))
            case Compares(operator, than):
                names = levels(operator, than, field.at)
                return f"{column} IN ({', '.join(self._parameter(name) for name in names)})" if names else "0"
            case _:
                return self._text_column(column, field)

    def _integer(self, column: str, field: Field) -> str:
        match field.test:
            case Equals(pattern) if pattern.is_any:
                return _ALL
            case Equals(Pattern((text,))) if INTEGER.fullmatch(text):  # as a number, which an index knows
                return f"{column} = {self._parameter(int(text), 'Int64')}"
            case Compares(operator, than):
                return f"{column} {operator} {self._parameter(number(than, field.at), 'Float64')}"
            case test:
                return self._value(f"toString({column})", test)

    def _attribute(self, path: str, field: Field) -> str:
        match field.test:
            case Equals(pattern) if pattern.is_any:
                return self._attributes.has(path)
            case Compares(operator, than):
                limit = self._parameter(number(than, field.at), "Float64")
                return self._attributes.compares(path, operator, limit)
            case Equals(Pattern((value,))):
                return self._attributes.equals(path, [value])
            case test:
                return self._attributes.passes(path, lambda text: self._value(text, test))

    def _value(self, value: str, test: Equals | Matches) -> str:
        match test:
            case Matches(regex):
                return f"match({value}, {self._parameter(regex)})"
            case Equals(pattern) if pattern.is_exact:
                return f"{value} = {self._parameter(pattern.pieces[0])}"
            case Equals(pattern):
                like = "%".join(_escape_like(piece) for piece in pattern.pieces)
                return f"{value} LIKE {self._parameter(like)}"


def _escape_like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)

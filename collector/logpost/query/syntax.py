"""Text → syntax tree, with errors in words that a user knows. The language is in `grammar.lark`."""

from __future__ import annotations

import re
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from logpost.query.ast import (
    And,
    Compares,
    Equals,
    Everything,
    Field,
    Matches,
    Not,
    Or,
    Pattern,
    Query,
    Test,
    Text,
)
from logpost.query.errors import QuerySyntaxError

MAX_CHARACTERS = 10_000
MAX_TERMS = 200
MAX_DEPTH = 50


def parse(text: str) -> Query:
    """The tree of a query; the empty text finds everything. Raises QuerySyntaxError."""
    if len(text) > MAX_CHARACTERS:
        raise QuerySyntaxError(
            f"a query has at most {MAX_CHARACTERS:,} characters, this one has {len(text):,}", MAX_CHARACTERS
        )
    try:
        parsed = _PARSER.parse(text)
    except UnexpectedInput as error:
        raise _explain(error, text) from error
    except VisitError as error:
        raise error.orig_exc from error
    assert isinstance(parsed, Everything | Text | Field | Not | And | Or)
    _check_size(parsed)
    return parsed


def tokens(text: str) -> list[Token]:
    """What a query that can be parsed is made of; without AND, OR and NOT nothing of it is left out."""
    return list(_PARSER.parse_interactive(text).iter_parse())


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Called as the parser reduces each rule, so that depth costs no recursion."""

    def everything(self) -> Query:
        return Everything()

    def or_(self, *terms: Query) -> Query:
        return terms[0] if len(terms) == 1 else Or(terms)

    def and_(self, *terms: Query) -> Query:
        return terms[0] if len(terms) == 1 else And(terms)

    def not_(self, *operator_and_term: Any) -> Query:
        return Not(operator_and_term[-1])

    def word(self, token: Token) -> Query:
        pattern = Pattern.with_wildcards(token)
        return Everything() if pattern.is_any else Text(pattern)

    def phrase(self, token: Token) -> Query:
        text = _unquote(token)
        return Text(Pattern.exactly(text), quoted=True) if text else Everything()

    def field(self, name: Token, value: tuple[Test, int]) -> Query:
        test, at = value
        if at != _end(name):
            raise _missing_value(name, _end(name))
        return _field(name, test, at)

    def field_of_any(self, name: Token, *values: tuple[Test, int]) -> Query:
        return self.or_(*(_field(name, test, at) for test, at in values))

    def matches(self, token: Token) -> tuple[Test, int]:
        return Matches(token[1:-1].replace("\\/", "/")), _start(token)

    def equals_quoted(self, token: Token) -> tuple[Test, int]:
        return Equals(Pattern.exactly(_unquote(token)), quoted=True), _start(token)

    def compares(self, operator: Token, number: Token) -> tuple[Test, int]:
        return Compares(operator.value, number.value), _start(operator)

    def equals(self, token: Token) -> tuple[Test, int]:
        return Equals(Pattern.with_wildcards(token)), _start(token)


_PARSER = Lark.open(
    "grammar.lark",
    rel_to=__file__,
    parser="lalr",
    transformer=_Builder(),
)


def _field(name: Token, test: Test, at: int) -> Field:
    return Field(_unquote(name[:-1]) if name.type == "QUOTED_FIELD" else name[:-1], test, at)


def _start(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _end(token: Token) -> int:
    return _start(token) + len(token)


def _unquote(token: str) -> str:
    r"""Only `\"` and `\\` are escapes, so that most Windows paths can be pasted as they are."""
    return re.sub(r'\\(["\\])', r"\1", token[1:-1])


def _check_size(query: Query) -> None:
    """Raise QuerySyntaxError above MAX_TERMS or MAX_DEPTH. Walks without recursion: the depth is not yet known."""
    terms = 0
    level: list[Query] = [query]
    for _ in range(MAX_DEPTH):
        terms += sum(isinstance(node, Text | Field) for node in level)
        if terms > MAX_TERMS:
            raise QuerySyntaxError(f"a query has at most {MAX_TERMS} words and conditions", 0)
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise QuerySyntaxError(f"parentheses and NOT nest at most {MAX_DEPTH} deep", 0)


def _children(node: Query) -> tuple[Query, ...]:
    match node:
        case And(terms) | Or(terms):
            return terms
        case Not(term):
            return (term,)
        case _:
            return ()


def _missing_value(name: str, at: int) -> QuerySyntaxError:
    return QuerySyntaxError(f'expected a value right after {name}; to search for this text, put it in "quotes"', at)


def _explain(error: UnexpectedInput, text: str) -> QuerySyntaxError:
    if isinstance(error, UnexpectedCharacters):
        # The one character that starts no token is a quote that is never closed.
        opening = len(text) if error.pos_in_stream is None else error.pos_in_stream
        return QuerySyntaxError(f"expected a closing quote for the one at character {opening + 1}", len(text))
    assert isinstance(error, UnexpectedToken)
    at = len(text) if error.token.type == "$END" else _start(error.token)
    return _expected(error.token, set(error.accepts or error.expected), text, at)


def _expected(token: Token, accepted: set[str], text: str, at: int) -> QuerySyntaxError:
    """What should stand at `at`, where `token` stands or the text ends."""
    words_before = text[:at].split()
    if accepted == {"VALUE"}:
        return QuerySyntaxError(f"expected a number right after {words_before[-1]}", at)
    if "VALUE" in accepted:
        return _missing_value(words_before[-1], at)
    if token.type == "RPAR" and "$END" in accepted:
        return QuerySyntaxError("this closing parenthesis has no opening one", at)
    if accepted == {"RPAR"}:
        return QuerySyntaxError("expected a closing parenthesis", at)
    if "RPAR" in accepted:
        return QuerySyntaxError("expected OR or a closing parenthesis", at)
    place = f" before {token}" if token else f" after {words_before[-1]}"
    return QuerySyntaxError(f"expected something to search for{place}", at)

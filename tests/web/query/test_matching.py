"""The store finds the rows that match one by one: any query, any record."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.formats.json_text import read_json
from logpost.query.ast import And, Compares, Equals, Everything, Field, Matches, Not, Or, Pattern, Query, Test, Text
from logpost.query.errors import QuerySyntaxError
from logpost.query.fields import RECORD_FIELDS
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost.query.numbers import NUMBER
from logpost_web.indexer.attributes import is_refused, mended
from logpost_web.query.condition import compile_condition
from logpost_web.store.columns import LOGS, words_column
from logpost_web.store.store import Store
from tests.web.query.conftest import FIELDS

NAMES = [*"aaabbbcc", "a.b", "b.c", "a.b.c", "c.a", "a b", "ключ", "x.", ".x", "`", "A", "$t"]
NUMBERS = ["0", "-0", "0.0", "-0.0", "1", "1.0", "1.10", "1.1", "11e-1", "1e3", "1000", "-5", "0.5", "1E+21", "1e-7"]
LONG = ["5e-324", f"{2**53}.0", *map(str, (2**53, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**64))]
FAR = ["1e20", "-1e20", str(10**20), f"{2**64}.0", str(2**64), str(-(2**63) - 1), "1e300", "-5e-324", "1.5E20"]
WORDS = ["", "x", "X", "xy", "true", "null", "inf", "nan", "+5", ".5", " 1", "{}", "[]", '{"a":1}', "x\ny", "%", "_"]
WORDS += ["timed out", "a/b", "err", "ERROR", "warning", "warn", "Sev1", "超时", "é", "e\u0301", "Straße", "\\", '"']
MESSAGES = ["connection timed out", "GET /a/b?x=1.10 200", "\x1b[31mERROR\x1b[0m at x", "订单 8812：连接超时", "İx É"]
SIGNS = [
    *"aA1_-. éßİıΣςя½：“超ーｶﾞかไ한１ﬁक\x1b\u200d\n\x00",
    "e\u0301",
    "❗️",
    "😀",
    "ที่",
    "\x1b[31m",
    "\x1b[0m",
    "\x9b1m",
]
EXPRESSIONS = ["x", "^x$", ".", "x.y", "(?i)error", "^$", r"\d+", "[^a]", r"\bout\b", "[0-9]e", "é?超", "a|b$"]
EXPRESSIONS += [
    "time[d]? out",
    "(?i)OUT.*200$",
    "(?i)stra(ß|ss)e",
    "1.10 200|timed out",
    "connection (timed|refused) out",
]
COLUMNS = ["ServiceName", "HostName", "SeverityText", "TraceId", "SpanId", "FilePath"]


def value(chance: Random, depth: int, exact: bool) -> str:
    """JSON text: a number is as it was written, and a key may come twice. `exact`: also what the store may write
    otherwise in an array, by what else arrives with it: true as 1, a long integer as the nearest double."""
    kind = chance.randrange(8 if depth else 5)
    if kind < 2:
        return chance.choice(NUMBERS + FAR + LONG if exact else NUMBERS + FAR)
    if kind < 4:
        return json.dumps(chance.choice(WORDS))
    if kind < 5:
        return chance.choice(["true", "false", "null"] if exact else ["null"])
    if kind < 6:
        return f"[{','.join(value(chance, depth - 1, exact=False) for _ in range(chance.randrange(4)))}]"
    return document(chance, depth - 1, exact)


def document(chance: Random, depth: int = 3, exact: bool = True) -> str:
    pairs = [(json.dumps(chance.choice(NAMES)), value(chance, depth, exact)) for _ in range(chance.randrange(5))]
    return "{" + ",".join(f"{name}:{inner}" for name, inner in pairs) + "}"


def attributes(chance: Random) -> str:
    text = document(chance)
    # Values under one path become an array.
    return document(chance, exact=False) if is_refused(text.encode()) else text


def message(chance: Random) -> str:
    if chance.random() < 0.5:
        return " ".join(chance.choices(WORDS + MESSAGES, k=chance.randrange(3)))
    return "".join(chance.choices(SIGNS, k=chance.randrange(12)))


def record(chance: Random) -> dict[str, object]:
    texts = {column: chance.choice(WORDS) for column in COLUMNS}
    return {**texts, "Body": message(chance), "Partition": chance.randrange(3), "LogAttributes": attributes(chance)}


def known(row: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The names of a row's fields and the texts that they have."""
    yield from ((FIELDS[column], str(text)) for column, text in row.items() if column != "LogAttributes")
    yield "message", str(row["Body"])  # more often
    yield from leaves("", read_json(str(row["LogAttributes"])))


def leaves(path: str, found: object) -> Iterator[tuple[str, str]]:
    match found:
        case dict():
            for name, inner in found.items():
                yield from leaves(f"{path}.{name}" if path else name, inner)
        case list():
            for inner in found:
                yield from leaves(path, inner)
        case str():
            yield path, found
        case _:
            yield path, msgspec.json.encode(found).decode()


def term(chance: Random, fields: Sequence[tuple[str, str]]) -> Query:
    """A field of one row with the text of perhaps another, so that there are rows that pass and rows that do not."""
    if chance.random() < 0.03:
        return Everything()
    name, text = chance.choice(fields)
    if chance.random() < 0.3:
        name, text = (
            ".".join(chance.choices(NAMES, k=chance.randrange(1, 4))),
            chance.choice([*NUMBERS, *FAR, *LONG, *WORDS, text]),
        )
    if name == "message" and chance.random() < 0.7:
        cut = pattern(chance, text)
        return Text(cut, quoted=cut.is_exact and chance.random() < 0.5)
    if name not in RECORD_FIELDS and chance.random() < 0.1:
        name = chance.choice([f"attrs.{name}", name.rpartition(".")[0] or name])
    return Field(name, ask(chance, name, text), 0)


def ask(chance: Random, name: str, text: str) -> Test:
    kind = chance.randrange(10)
    if kind < 1:
        return Equals(Pattern(("", "")))
    if kind < 3:
        return Matches(chance.choice([*EXPRESSIONS, re.escape(text) or "^$"]))
    if kind < 5 and (name not in RECORD_FIELDS or chance.random() < 0.2):
        limit = text if NUMBER.fullmatch(text) else chance.choice([*NUMBERS, *FAR, *LONG, "warn", "ERR"])
        return Compares(chance.choice(["<", "<=", ">", ">="]), limit)
    return Equals(pattern(chance, chance.choice([text, text, text, text.swapcase(), "01"])))


def pattern(chance: Random, text: str) -> Pattern:
    start = chance.randrange(len(text) + 1)
    end = chance.randrange(start, len(text) + 1)
    pieces = chance.choice([(text,), (text,), (text[start:end],), (text[:start], text[end:])])
    return Pattern(chance.choice([pieces, pieces, ("", *pieces), (*pieces, "")]))


def query(chance: Random, fields: Sequence[tuple[str, str]], depth: int = 2) -> Query:
    """Most are one term: what joins them is simple, and hides what they find."""
    kind = chance.randrange(9 if depth else 6)
    if kind < 6:
        return term(chance, fields)
    terms = tuple(query(chance, fields, depth - 1) for _ in range(chance.randrange(2, 4)))
    return Not(terms[0]) if kind == 6 else And(terms) if kind == 7 else Or(terms)


batches = itertools.count()


def insert(store: Store, rows: list[dict[str, object]]) -> tuple[str, list[Event]]:
    """Returns the topic in which the rows alone are, and the rows as events."""
    topic, events = f"batch{next(batches)}", []
    for offset, row in enumerate(rows):
        text = str(row["LogAttributes"])
        attributes = mended(text.encode())[0] if is_refused(text.encode()) else text.encode()
        row |= {"Topic": topic, "Offset": offset, "Words": words_column(str(row["Body"]))}
        fields = {FIELDS[name]: value for name, value in row.items() if name in FIELDS}
        events.append(msgspec.convert({**fields, "attrs": read_json(text)}, Event))
        row["LogAttributes"] = msgspec.Raw(attributes)
    store.insert(msgspec.json.Encoder().encode_lines(rows))
    return topic, events


def answer(store: Store, topic: str, asked: list[Query]) -> list[list[bool]]:
    """Of each row, of each query, whether the store finds it."""
    parameters: dict[str, object] = {"topic": topic}
    columns: list[str] = []
    for number, query in enumerate(asked):
        condition = compile_condition(query, LOGS)
        columns.append(condition.sql.replace("{p", f"{{q{number}p"))
        parameters |= {f"q{number}{name}": value for name, value in condition.parameters.items()}
    sql = f"SELECT {', '.join(columns)} FROM otel_logs WHERE Topic = {{topic:String}} ORDER BY Offset"
    return [[bool(found) for found in row] for row in store.query(sql, parameters).rows]


def refusal(compile_query: object, query: Query) -> tuple[str, int] | None:
    assert callable(compile_query)
    try:
        compile_query(query)
    except QuerySyntaxError as error:
        return error.message, error.at
    return None


@given(st.integers(0, 2**32))
@settings(max_examples=12)
def test_the_store_finds_what_matches(store: Store, seed: int) -> None:
    chance = Random(seed)
    rows = [record(chance) for _ in range(12)]
    fields = [field for row in rows for field in known(row)]
    wanted = [query(chance, fields) for _ in range(40)]
    refused = [refusal(compile_match, query) for query in wanted]
    assert refused == [refusal(partial(compile_condition, columns=LOGS), query) for query in wanted]
    asked = [query for query, reason in zip(wanted, refused, strict=True) if not reason]
    topic, events = insert(store, rows)
    found = answer(store, topic, asked)
    matching = [[compile_match(query)(event) for query in asked] for event in events]
    differ = [
        (query, event, by_store)
        for event, of_store, of_event in zip(events, found, matching, strict=True)
        for query, by_store, by_event in zip(asked, of_store, of_event, strict=True)
        if by_store != by_event
    ]
    assert differ == []

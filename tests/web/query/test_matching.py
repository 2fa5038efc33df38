"""The store finds the rows that match one by one: any query, any record."""

from __future__ import annotations

import itertools
import json
from functools import partial

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpost.formats.json_text import read_json
from logpost.query.ast import And, Compares, Equals, Everything, Field, Matches, Not, Or, Pattern, Query, Text
from logpost.query.errors import QuerySyntaxError
from logpost.query.fields import RECORD_FIELDS
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost_web.indexer.attributes import is_refused, mended
from logpost_web.query.condition import compile_condition
from logpost_web.store.columns import LOGS, words_column
from logpost_web.store.store import Store
from tests.web.query.conftest import FIELDS
from tests.web.query.test_words import TEXTS

NAMES = [*"aaabbbcc", "a.b", "b.c", "a.b.c", "c.a", "a b", "ключ", "x.", ".x", "`", "A", "$t"]
NUMBERS = ["0", "-0", "0.0", "-0.0", "1", "1.0", "1.10", "1.1", "11e-1", "1e3", "1000", "-5", "0.5", "1E+21", "1e-7"]
NUMBERS += ["5e-324", f"{2**53}.0", *map(str, (2**53, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**64))]
WORDS = ["", "x", "X", "xy", "true", "null", "inf", "nan", "+5", ".5", " 1", "{}", "[]", '{"a":1}', "x\ny", "%", "_"]
WORDS += ["timed out", "a/b", "err", "ERROR", "warning", "warn", "Sev1", "超时", "é", "e\u0301", "Straße", "\\", '"']
MESSAGES = ["connection timed out", "GET /a/b?x=1.10 200", "\x1b[31mERROR\x1b[0m at x", "订单 8812：连接超时", "İx É"]
EXPRESSIONS = ["x", "^x$", ".", "x.y", "(?i)error", "^$", r"\d+", "[^a]", r"\bout\b", "[0-9]e", "é?超", "a|b$"]

names = st.sampled_from(NAMES)
words = st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS)
scalars = st.one_of(words.map(json.dumps), numbers, numbers, st.sampled_from(["true", "false", "null"]))
"""JSON texts, as all values here: so that a number is as it was written, and a key may come twice."""


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda items: f"[{','.join(items)}]")


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(names, values), max_size=3)
    return pairs.map(lambda pairs: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}")


values = st.recursive(scalars, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=8)
messages = st.one_of(
    st.sampled_from(MESSAGES), TEXTS, st.lists(st.sampled_from(WORDS + MESSAGES), max_size=3).map(" ".join)
)
records = st.fixed_dictionaries(
    {
        "Body": messages,
        "ServiceName": words,
        "SeverityText": words,
        "TraceId": words,
        "Partition": st.integers(0, 2),
        "LogAttributes": objects(values),
    }
)

pieces = st.one_of(words, numbers, TEXTS, st.sampled_from(["t", "e", "1", "r", "/"]))
patterns = st.one_of(
    st.one_of(words, numbers, st.sampled_from(["timed", "out", "connection", "timed out", "连接", "8812"])).map(
        Pattern.exactly
    ),
    st.lists(st.one_of(st.just(""), pieces), min_size=2, max_size=3).map(lambda texts: Pattern(tuple(texts))),
)
fields = st.one_of(
    st.sampled_from([name for name in RECORD_FIELDS if name not in ("topic", "offset")]),
    names,
    st.lists(names, min_size=1, max_size=3).map(".".join),
)
tests = st.one_of(
    st.builds(Equals, patterns),
    st.just(Equals(Pattern(("", "")))),
    st.one_of(numbers, st.just("01")).map(lambda text: Equals(Pattern((text,)))),
    st.sampled_from(EXPRESSIONS).map(Matches),
    st.builds(Compares, st.sampled_from(["<", "<=", ">", ">="]), st.one_of(numbers, st.sampled_from(["warn", "ERR"]))),
)
terms: st.SearchStrategy[Query] = st.one_of(
    st.builds(Field, fields, tests, st.just(0)), st.builds(Text, patterns, st.booleans()), st.just(Everything())
)


def joined(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(inner.map(Not), several.map(And), several.map(Or))


queries = st.recursive(terms, joined, max_leaves=4)

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


@given(st.lists(records, min_size=1, max_size=12), st.lists(queries, min_size=1, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_store_finds_what_matches(store: Store, rows: list[dict[str, object]], wanted: list[Query]) -> None:
    refused = [refusal(compile_match, query) for query in wanted]
    assert refused == [refusal(partial(compile_condition, columns=LOGS), query) for query in wanted]
    asked = [query for query, reason in zip(wanted, refused, strict=True) if not reason] or [Everything()]
    topic, events = insert(store, [dict(row) for row in rows])
    found = answer(store, topic, asked)
    matching = [[compile_match(query)(event) for query in asked] for event in events]
    differ = [
        (query, event, by_store)
        for event, of_store, of_event in zip(events, found, matching, strict=True)
        for query, by_store, by_event in zip(asked, of_store, of_event, strict=True)
        if by_store != by_event
    ]
    assert differ == []

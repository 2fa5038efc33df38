"""What the store refuses is foreseen: compared with the real store."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logpost_web.indexer.attributes import is_refused, is_rewritten, look_rewritten
from logpost_web.indexer.block_writer import write
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.errors import QueryError
from logpost_web.store.row import Row
from logpost_web.store.store import Store


def row_of(attributes: str, offset: int) -> Row:
    value = f'{{"ts":"2026-11-22T10:51:07Z","message":"m","attrs":{attributes}}}'
    return to_row(value.encode(), Position("logs", 0, "id", offset, 0), 1_795_000_000)


# Few keys, so that they meet: as themselves, through a dot, through an escape.
KEYS = st.sampled_from(['"a"', '"b"', '"a.b"', '"."', '""', '"\\u0061"'])
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5",
        "null",
        "true",
        '"x"',
        '"\\u0000"',
        "1e400",
        "-1e309",
        "NaN",
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "9" * 30,
        "{}",
        "2.50",
        "0.30000000000000004",
        "123456.789",
        "1e-7",
        "-0",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775809",
        '"2026-01-02 03:04:05"',
        '"01/02/2026"',
        '"1"',
        '"-1.50"',
        '"true"',
    ]
)


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(KEYS, values).map(":".join)
    return st.lists(pairs, max_size=3).map(lambda found: "{" + ",".join(found) + "}")


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=2).map(lambda found: "[" + ",".join(found) + "]")


VALUES = st.recursive(SCALARS, lambda values: objects(values) | arrays(values), max_leaves=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(objects(VALUES), min_size=1, max_size=30))
def test_what_is_not_foreseen_is_taken(store: Store, all_attributes: list[str]) -> None:
    rows = [b'{"LogAttributes":%s}' % one.encode() for one in all_attributes if not is_refused(one.encode())]
    try:
        store.insert(b"\n".join(rows))
    except QueryError as error:
        pytest.fail(f"{rows}: {error}")


ATTRIBUTES = "if(LogAttributesText = '', toJSONString(LogAttributes), LogAttributesText)"


def as_written(text: str) -> object:
    """The JSON text with its numbers as they are written."""
    return json.loads(text, parse_int=Decimal, parse_float=lambda digits: (digits,))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(objects(VALUES), min_size=1, max_size=30))
@example(['{"a":[null]}', '{"a":[[],null]}', '{"b":[null,null]}'])
def test_attributes_come_back_as_they_were_sent(store: Store, all_attributes: list[str]) -> None:
    store.query("TRUNCATE TABLE otel_logs")
    sent = [one for one in all_attributes if not is_refused(one.encode())]
    write(store, [row_of(one, number) for number, one in enumerate(sent)])
    found = [text for (text,) in store.query(f"SELECT {ATTRIBUTES} FROM otel_logs ORDER BY Offset").rows]
    assert list(map(as_written, found)) == list(map(as_written, sent))


TEXTS = ["2026-01-01 10:00:00", "1", "1.5", "true", "0001", "1e3", "01/02/2026", "2026-01-02T03:04:05+05:30", "null"]
SHAPES = {"plain": "{}", "nested": '{{"deep":{}}}', "array": "[{0},{0}]", "objects": '[{{"x":{}}}]', "twins": "[1,{}]"}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("paths", [1, 300], ids=["own column", "shared data"])
@pytest.mark.parametrize("order", [1, -1], ids=["forth", "back"])
def test_text_stays_text(store: Store, shape: str, paths: int, order: int) -> None:
    """Beside any other text and any type, in one part or several, before merges and after."""
    values = [*map(json.dumps, TEXTS), "1", "true", "1.5"][::order]
    fill = "".join(f'"k{number}":1,' for number in range(paths - 1))
    sent = [f'{{{fill}"zz":{shape.format(value)}}}' for value in values]
    half = len(sent) // 2
    for start, some in ((0, sent[:half]), (half, sent[half:])):
        write(store, [row_of(one, start + number) for number, one in enumerate(some)])
    for _ in range(2):
        found = [text for (text,) in store.query(f"SELECT {ATTRIBUTES} FROM otel_logs ORDER BY Offset").rows]
        assert list(map(as_written, found)) == list(map(as_written, sent))
        store.command("OPTIMIZE TABLE otel_logs FINAL")


@pytest.mark.parametrize(
    ("attributes", "rewritten"),
    [
        ('{"a":1,"b":"10.0.0.1","c":true,"d":12.345,"e":[1,2],"f":["a.b"],"g":{"h":-7}}', False),
        ('{"ns":1795344667123456789,"ratio":0.30000000000000004,"t":"null {} 1.10 -0"}', False),
        ('{"a":-0.5,"b":0.0001,"c":1234567890.12345,"d":-7,"e":0,"f":12345678901234567890}', False),
        ('{"a":0.00001}', True),
        ('{"a":-0}', True),
        ('{"a":-0.0}', True),
        ('{"a":123456789012345678901}', True),
        ('{"a":1.10}', True),
        ('{"a" : 1e3}', True),
        ('{"a":[2.0]}', True),
        ('{"a":[1,true]}', True),
        ('{"a":[null]}', True),
        ('{"a":[[1],null]}', True),
        ('{"a":null}', True),
        ('{"a":{"b":{}}}', True),
        ('{"a.b":1}', True),
        ('{"a.\\"b":1}', True),
        ('{"%s":1,"a.b":2}' % ("x" * 3000), True),
    ],
)
def test_only_attributes_that_the_column_changes_have_a_text_beside_it(attributes: str, rewritten: bool) -> None:
    assert is_rewritten(attributes.encode()) is rewritten


@given(st.lists(objects(VALUES), max_size=6), st.sampled_from([10, 3000]))
@example(['{"a":1.5}', '{"":1}', '{"a.b":1}'], 10)
def test_lines_are_looked_at_together(lines: list[str], longest: int) -> None:
    found = set(look_rewritten("\n".join(lines).encode(), longest))
    assert found >= {number for number, line in enumerate(lines) if is_rewritten(line.encode())}


def test_the_look_at_long_attributes_takes_time_in_proportion() -> None:
    """A string of dots once made it look at every rest of it."""
    dots = '{"a":"%s"}' % ("." * 1_000_000)
    began = time.perf_counter()
    assert not is_rewritten(dots.encode())
    assert time.perf_counter() - began < 10  # it takes 10 ms; growing with the square, minutes


@pytest.mark.parametrize(
    "attributes",
    [
        '{"a":1,"b":null,"c":{},"d":[]}',
        '{"a":1,"a.b":2}',
        '{"a":[{"a":1},{"a":"x"}],"b":{"a":1}}',
        json.dumps({"text": "é\u0000\U0001f600", "n": 10**30, "x": 1e308}),
        json.dumps({f"k{number}": number for number in range(2000)}),
    ],
)
def test_what_the_store_takes_stays_in_its_place(store: Store, attributes: str) -> None:
    store.insert(b'{"LogAttributes":%s}' % attributes.encode())
    assert not is_refused(attributes.encode())

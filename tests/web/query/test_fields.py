"""Every field can be asked for, whatever its name and wherever its values are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.query.errors import QuerySyntaxError
from logpost.query.numbers import stored_double
from logpost.query.syntax import parse
from logpost_web.query.condition import compile_condition
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store
from tests.web.query.conftest import Find, insert

ROWS: list[dict[str, object]] = [
    {
        "LogAttributes": {
            "app.kubernetes.io/name": "shop",
            "user name": "Ada L",
            "$type": "x",
            "@version": "1",
            "@timestamp": "2026",
            "5xx": 3,
            'q"uote': 1,
            "back`tick": 2,
            "sl\\ash": "C:\\new",
            "ключ": "да",
            "^up": 5,
            "d.:Int64": 4,
            "": "nameless",
        }
    },
    {
        "LogAttributes": {
            "tags": ["red", "green", "big blue"],
            "nums": [1, 3, 1.5e30],
            "flags": [True, None],
            "items": [{"sku": "A1", "qty": 2, "parts": ["p1", "p2"], "by": {"name": "Bo"}}, {"sku": "B2", "qty": 0.5}],
            "mixed": [1, "a", {"x": "y"}, None],
            "none": [],
            "deep": {"list": [{"a": {"b": "c"}}]},
        }
    },
    {"LogAttributes": {"user": {"name": "Ada", "id": {"n": 7}}, "sp ace": {"in side": 1}}},
    {"SeverityText": "Sev1", "Body": "own level"},
    {"LogAttributes": {"stack": "Traceback\nValueError: x", "crlf": "a\r\nb", "tab": "a\tb"}},
    {"LogAttributes": {"f": 1.10, "g": 1e21, "t": True, "big": 2**63 + 1, "text": "1.10", "i": 1000, "neg": -5}},
    {"LogAttributes": {"a.b": "flat"}},
    {"LogAttributes": {"a": {"b": "nested"}}},
    {"SeverityText": "warn", "ServiceName": "s", "Body": "m"},
    {
        "LogAttributes": {
            "grid": [[1, 20], [3, "b c"], []],
            "cube": [[["deep"], 7], {"k": "v"}, [{"k": ["w", ["x"]]}]],
            "orders": [{"lines": [{"sku": "A1", "n": 1}, {"sku": "B2"}]}, {"lines": []}],
            "wide": [[9007199254740993]],
            "wider": [9223372036854775808, 1],
            "pods": [{"app": "x", "app.kubernetes.io/name": "shop"}],
        }
    },
    {"LogAttributes": {"zero": -0.0, "zeros": [-0.0], "whole": 1000, "wholes": [1000], "exact": 2**53 + 1}},
    {"LogAttributes": {"zero": 0, "zeros": [0], "whole": "1e3", "wholes": ["1e3"], "exact": 2.0**53}},
    {"LogAttributes": {"far": [1e20], "fars": [[1, -1e20]], "of": [{"far": 1e20}], "at": 1e20, "tiny": [5e-324]}},
    {"LogAttributes": {"far": [10**20], "fars": ["x", 2**64], "of": [{"far": 2.0**64}], "at": 10**20, "tiny": [-1e-7]}},
]


@pytest.fixture(scope="module", autouse=True)
def rows(store: Store) -> None:
    insert(store, *ROWS)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ('"app.kubernetes.io/name":shop', [1]),
        ('"app.kubernetes.io/name":*', [1]),
        ('"user name":"Ada L"', [1]),
        ('"user name":(x OR "Ada L")', [1]),
        ('"user name":Ada*', [1]),
        ('"user name":/^Ada/', [1]),
        ('-"user name":* -"sp ace":* tags:*', [2]),
        ('"$type":x', [1]),
        ("@version:1", [1]),
        ("@version:>0", [1]),
        ("@timestamp:2026", [1]),
        ("5xx:3", [1]),
        ("5xx:>2", [1]),
        ("5xx:(2 OR 3)", [1]),
        ('"q\\"uote":1', [1]),
        ('"q\\"uote":*', [1]),
        ('"back`tick":2', [1]),
        ('"back`tick":*', [1]),
        ('"sl\\\\ash":"C:\\new"', [1]),
        ('"ключ":да', [1]),
        ('"^up":5', [1]),
        ('"d.:Int64":4', [1]),
        ('"level":Sev1', [4]),
        # Arrays match by element.
        ("tags:red", [2]),
        ("tags:re*", [2]),
        ("tags:re", []),
        ("tags:/^gr/", [2]),
        ('tags:"big blue"', [2]),
        ("tags:(x OR green)", [2]),
        ('tags:x OR f:1.10 OR tags:red OR tags:"" OR "user name":Ada*', [1, 2, 6]),
        ("f:(1 OR 1.10) OR text:(1.10 OR x)", [6]),
        ("-tags:red tags:*", []),
        ("nums:>2", [2]),
        ("nums:3", [2]),
        ("nums:<0", []),
        ("nums:1.5e30", [2]),
        ("nums:1.5e+30", [2]),
        ("flags:true", [2]),
        ("mixed:a", [2]),
        ("mixed:1", [2]),
        ("mixed.x:y", [2]),
        ("none:*", [2]),
        ("none:x", []),
        ("items.sku:A1", [2]),
        ("items.sku:B*", [2]),
        ("items.sku:*", [2]),
        ("items.nothing:*", []),
        ("items.qty:>1", [2]),
        ("items.qty:>2", []),
        ("items.qty:.5", [2]),
        ("items.parts:p2", [2]),
        ("items.by.name:Bo", [2]),
        ("deep.list.a.b:c", [2]),
        ("deep.list:*", [2]),
        # Objects are there.
        ("user:*", [3]),
        ("user.id:*", [3]),
        ("user.id.n:7", [3]),
        ("use:*", []),
        ("deep:*", [2]),
        ('"sp ace":*', [3]),
        ('"sp ace.in side":1', [3]),
        ("a.b:*", [7, 8]),
        ("a.b:flat", [7]),
        ("a.b:nested", [8]),
        ("a:*", [7, 8]),
        # Levels that are not ours.
        ("level:Sev1", [4]),
        ("level:sev1", [4]),
        ("level:SEV*", [4]),
        ("level:/Sev\\d/", [4]),
        ("level:warning", [9]),
        ("level:>=WARNING", [9]),
        ('level:""', [1, 2, 3, 5, 6, 7, 8, *range(10, 15)]),
        ('service:""', [*range(1, 9), *range(10, 15)]),
        ('message:""', [1, 2, 3, 5, 6, 7, 8, *range(10, 15)]),
        ('-message:""', [4, 9]),
        # Values as they were logged, and as JavaScript writes them.
        ('stack:"Traceback\nValueError: x"', [5]),
        ("stack:/^Traceback\\nValueError: x$/", [5]),
        ("crlf:/^a\\r\\nb$/", [5]),
        ("f:1.10", [6]),
        ("f:1.1", [6]),
        ('f:"1.1"', [6]),
        ("text:1.1", []),
        ("text:1.10", [6]),
        ("g:1e+21", [6]),
        ("g:1e21", [6]),
        ("g:1000000000000000000000", [6]),
        ("t:true", [6]),
        (f"big:{2**63 + 1}", [6]),
        (f"big:{2**63 + 2}", []),
        ("neg:-5", [6]),
        ("i:1000", [6]),
        # Arrays in arrays.
        ("grid:1", [10]),
        ("grid:>19", [10]),
        ("grid:>20", []),
        ('grid:"b c"', [10]),
        ("grid:b*", [10]),
        ("grid:(9 OR 3)", [10]),
        ("cube:deep", [10]),
        ("cube.k:v", [10]),
        ("cube.k:w", [10]),
        ("cube.k:x", [10]),
        ("cube.k:*", [10]),
        ("orders.lines.sku:B2", [10]),
        ("orders.lines.n:>0", [10]),
        ("orders.lines.sku:C", []),
        ("orders:/sku/", []),
        ("pods.app:x", [10]),
        ('"pods.app.kubernetes.io/name":shop', [10]),
        ('"pods.app.kubernetes.io/name":*', [10]),
        # Numbers however they are written.
        ("zero:0", [11, 12]),
        ("zero:-0", [11, 12]),
        ("zero:0.0", [11, 12]),
        ("zeros:-0", [11, 12]),
        ("whole:1000", [11]),
        ("whole:1e3", [11, 12]),
        ("whole:1000.0", [11]),
        ("wholes:1e3", [11, 12]),
        ("wholes:1000.0", [11]),
        ("exact:9007199254740993", [11, 12]),  # the double that is nearest
        ("exact:9007199254740993.0", [11, 12]),
        ("exact:9007199254740992", [12]),
        ("wide:9007199254740993.0", [10]),
        ("wide:9007199254740992", []),
        ("wider:9223372036854775808", [10]),
        # Integers of more than 64 bits are texts, and doubles that are written like them, too, in arrays.
        ("far:1e20", [13, 14]),
        ("far:100000000000000000000", [13, 14]),
        ("far:1.0e+20", [13, 14]),
        ("far:-1e20", []),
        ("far:1e21", []),
        ("far:(5 OR 1e20)", [13, 14]),
        ("far:>1e19", [13, 14]),
        ("far:>1e20", []),
        ("fars:-1e20", [13]),
        ("fars:-100000000000000000000", [13]),
        ("fars:<0", [13]),
        ("fars:18446744073709551616.0", [14]),
        ("of.far:1e20", [13]),
        ("of.far:18446744073709551616", [14]),
        ("of.far:1.8446744073709551616e19", [14]),
        ("at:1e20", [13, 14]),
        ("at:100000000000000000000.0", [13, 14]),
        ("at:>=1e20", [13, 14]),
        ("tiny:5e-324", [13]),
        ("tiny:-1E-7", [14]),
        ("tiny:-0.0000001", [14]),
    ],
)
def test_finds(query: str, lines: list[int], find: Find) -> None:
    assert find(query) == lines


def test_many_values_of_a_field_cost_little_more_than_one() -> None:
    many = " OR ".join(f"status:{number}" for number in range(200))
    assert len(compile_condition(parse(many), LOGS).sql) < 10_000


def test_a_query_with_too_many_conditions_is_refused() -> None:
    with pytest.raises(QuerySyntaxError, match="fewer conditions"):
        compile_condition(parse(" ".join(f"a.b.c.d.e.f{number}:x" for number in range(200))), LOGS)


@pytest.mark.parametrize("levels", [11, 2000])
def test_a_deep_path_costs_a_bounded_statement(levels: int) -> None:
    assert len(compile_condition(parse(".".join("a" * levels) + ":x"), LOGS).sql) < 30_000


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@settings(max_examples=30)
def test_a_number_is_written_as_the_store_writes_it(store: Store, numbers: list[float]) -> None:
    [(written,)] = store.query("SELECT arrayMap(x -> toString(x), {n:Array(Float64)})", {"n": numbers}).rows
    assert [stored_double(number) for number in numbers] == written

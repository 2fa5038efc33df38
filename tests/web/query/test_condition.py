"""What a query finds in a real store, beyond the examples of docs/search.md; and that no text of a user is SQL."""

from __future__ import annotations

import pytest

from logpost.query.errors import QuerySyntaxError
from logpost.query.syntax import parse
from logpost_web.query.condition import compile_condition, regexes
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store
from tests.web.query.conftest import Find, insert

HOSTILE = [
    "'",
    "''",
    "\\",
    "\\'",
    "`",
    "{p0:String}",
    "{x:Identifier}",
    "--",
    "/*",
    "1)",
    "%",
    "_",
    "%s",
    "%(p0)s",
    "\x00",
    "\n;DROP TABLE otel_logs",
    "') OR 1=1 --",
    "\\N",
    "\ud7ff\U0001f600",
]

FIRST_ODD = 1000
"""Offset of the first row that a single test adds."""


@pytest.fixture(scope="module", autouse=True)
def rows(store: Store) -> None:
    insert(
        store,
        {"Body": "a 100% sure_thing in C:\\tmp\\", "LogAttributes": {"n": 1.5, "ok": True, "none": None}},
        {
            "Body": "ÄRGER in der Straße: 日本語",
            "LogAttributes": {"n": "nan", "list": ["x", "y"], "deep": {"er": {"n": 3}}},
        },
        {"Body": "", "SeverityText": "fatal", "Partition": 7, "LogAttributes": {"n": "-2e3", "empty": ""}},
        {
            "Body": "first\nsecond error\n",
            "SeverityText": "warn",
            "TraceId": "4bf92f",
            "LogAttributes": {"n": 2**53 + 1},
        },
        *(
            {"Offset": 100 + number, "Body": f"hostile {text} end", "ServiceName": text, "LogAttributes": {"v": text}}
            for number, text in enumerate(HOSTILE)
        ),
    )


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        # Wildcards of SQL are plain text.
        ("100%", [1]),
        ("sure_thing", [1]),
        ("sure.thing", []),
        ("1%0%", []),
        ('"C:\\tmp\\\\"', [1]),
        # Letters outside ASCII.
        ("ärger", [2]),
        ("STRASSE", [2]),
        ("STRAßE", [2]),
        ("日本語", [2]),
        ("日本*", [2]),
        ("日本", [2]),
        ("本語*", [2]),
        ("日語", []),
        ('"der straße: 日"', [2]),
        # Lines within a message.
        ('"first\nsecond"', [4]),
        ("message:/first.*second/", [4]),
        ("message:/(?-s)first.*second/", []),
        ("second", [4]),
        # Numbers.
        ("n:>1", [1, 4]),
        ("n:<0", [3]),
        ("n:1.5", [1]),
        ("n:<=1.5e0", [1, 3]),
        (f"n:{2**53 + 1}", [4]),
        ("ok:true", [1]),
        ("partition:7", [3]),
        ("partition:007", [3]),
        (f"partition:{2**62}", []),
        (f"offset:{'9' * 30}", []),
        ("partition:>6 offset:<=3", [3]),
        # Fields that are there, or not.
        ("none:*", []),
        ("empty:*", [3]),
        ('empty:""', [3]),
        ("empty:/.*/", [3]),
        ("deep.er.n:3", [2]),
        ("trace_id:*", [4]),
        ("level:*", [3, 4]),
        ("level:WARN", [4]),
        ("level:>fatal", []),
        ("level:<=warn", [4]),
        ("message:*", [1, 2, 4, *range(100, 100 + len(HOSTILE))]),
        ("message:second", [4]),
        ('message:"in der"', [2]),
        ("-n:* -v:*", []),
    ],
)
def test_finds(query: str, lines: list[int], find: Find) -> None:
    assert [line for line in find(query) if line < FIRST_ODD] == lines


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_is_only_text(number: int, find: Find) -> None:
    text = HOSTILE[number]
    line = 100 + number
    assert line in find(quoted(f"hostile {text} end"))
    assert find(f"service:{quoted(text)}") == [line]
    assert find(f"v:{quoted(text)}") == [line]
    assert line not in find(f"-v:{quoted(text)}")
    assert find(f"{quoted(text)} nosuchword") == []


@pytest.mark.parametrize("path", ["a.b-c@d", "x.", "v.x", "a..b", "_", "Int64", "a.size0", "null"])
def test_any_attribute_name_is_only_a_name(path: str, find: Find) -> None:
    assert find(f"{path}:1") == []
    assert find(f"{path}:>1") == []
    assert find(f"{path}:*") == []


ODD_NAMES = [
    "a$b#c%d+e@f/g-h i",
    "%(p0)s",
    "%s",
    "select",
    "/*x*/",
    "x--y",
    "$$",
    "ключ",
    "名前.x y",
    "`",
    "a`b.c",
    "it's",
    "x\\y",
    "{p0:String}",
    "a]b[c",
]


@pytest.mark.parametrize("number", range(len(ODD_NAMES)))
def test_a_field_is_there_whatever_its_name(number: int, store: Store, find: Find) -> None:
    name = ODD_NAMES[number]
    first = FIRST_ODD + 10 * number
    values: list[object] = [1, {"in": {"ner": "x"}}, [{"in": 1}], None, {}]
    insert(store, *({"Offset": first + place, "LogAttributes": {name: value}} for place, value in enumerate(values)))
    of_it = f"offset:>={first} offset:<{first + 10}"
    assert find(f"{quoted(name)}:* {of_it}") == [first, first + 1, first + 2]
    assert find(f"{quoted(name + '.in')}:* {of_it}") == [first + 1, first + 2]
    assert find(f"{quoted(name[:-1] + '_')}:* {of_it}") == []


@pytest.mark.parametrize("name", ["status", "user.name", "a b.c", "$type", "ключ"])
def test_whether_a_field_is_there_reads_that_field_alone(name: str, store: Store) -> None:
    condition = compile_condition(parse(f"{quoted(name)}:*"), LOGS)
    plan = store.query(f"EXPLAIN QUERY TREE SELECT 1 FROM otel_logs WHERE {condition.sql}", condition.parameters).rows
    read = {line.partition("column_name: ")[2].partition(",")[0] for (line,) in plan if "column_name" in line}
    assert read
    assert "LogAttributes" not in read


def test_user_text_never_enters_the_sql() -> None:
    condition = compile_condition(
        parse('zzword "zz phrase" zz* zz.name:zzvalue zz:/zz/ zz:>77 service:zz* level:zz'), LOGS
    )
    assert "zz" not in condition.sql.lower()
    assert "77" not in condition.sql


@pytest.mark.parametrize(
    ("query", "at", "message"),
    [
        ("a status:>abc", 9, "expected a number to compare with, not abc"),
        ("status:>1_0", 7, "expected a number"),
        ("status:>inf", 7, "expected a number"),
        ("service:>1", 8, "service is a text"),
        ("level:>=loud", 6, "expected a level to compare with: trace, debug, info, warn, error, fatal"),
        ("message:>1", 8, "message is a text"),
    ],
)
def test_a_comparison_that_a_field_cannot_answer(query: str, at: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError, match=message) as raised:
        compile_condition(parse(query), LOGS)
    assert raised.value.at == at


def test_regular_expressions_are_found_with_their_places() -> None:
    assert regexes(parse("a (b:/x/ OR -c:/y z/) service:n")) == (("x", 5), ("y z", 15))


@pytest.mark.parametrize("query", ["needle", "10.251.73.220:50010", '"a needle in hay"', "ünder needle x"])
def test_words_are_answered_from_the_index(query: str, store: Store) -> None:
    condition = compile_condition(parse(query), LOGS)
    plan = store.query(f"EXPLAIN indexes = 1 SELECT 1 FROM otel_logs WHERE {condition.sql}", condition.parameters).rows
    assert any("idx_words" in line for (line,) in plan)

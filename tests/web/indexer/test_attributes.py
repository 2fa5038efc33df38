"""What the store refuses is foreseen: compared with the real store."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpost_web.indexer.attributes import is_refused
from logpost_web.store.store import QueryError, Store

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
    ]
)


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(KEYS, values).map(":".join)
    return st.lists(pairs, max_size=3).map(lambda found: "{" + ",".join(found) + "}")


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=2).map(lambda found: "[" + ",".join(found) + "]")


VALUES = st.recursive(SCALARS, lambda values: objects(values) | arrays(values), max_leaves=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(objects(VALUES), min_size=1, max_size=30))
def test_what_is_not_foreseen_is_taken(store: Store, all_attributes: list[str]) -> None:
    rows = [b'{"LogAttributes":%s}' % one.encode() for one in all_attributes if not is_refused(one.encode())]
    try:
        store.insert(b"\n".join(rows))
    except QueryError as error:
        pytest.fail(f"{rows}: {error}")


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

"""What the store is found to have, compared with a plain set of what was put into it."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpost_web.store.intervals import IntervalSet
from logpost_web.store.store import Store
from logpost_web.store.stored import IDS_A_STATEMENT, SORTED_ROWS, batches, stored_offsets, stored_ranges
from tests.support.stores import opened_store

CHUNK = 1 << 20
# Ranges that meet, repeat, overlap, leave holes, and cross the borders of chunks.
RANGES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 12).map(lambda n: n * 10) | st.integers(0, 12).map(lambda n: 2 * CHUNK - 60 + n * 10),
        st.sampled_from([0, 10, 10, 10, 20, 35, 2 * CHUNK]),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        yield store


def insert(store: Store, *rows: dict[str, object]) -> None:
    store.insert("\n".join(map(json.dumps, rows)).encode())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(RANGES)
def test_ranges_are_those_that_were_stored(store: Store, ranges: list[tuple[str, int, int]]) -> None:
    store.query("TRUNCATE TABLE otel_logs")
    expected = {"a": IntervalSet(), "b": IntervalSet(), "unknown": IntervalSet()}
    for stream, start, size in ranges:
        expected[stream].add(start, start + size)
    insert(store, *({"StreamId": s, "StreamFrom": start, "StreamTo": start + size} for s, start, size in ranges))
    found = stored_ranges(store, list(expected))
    assert {name: list(one) for name, one in found.items()} == {name: list(one) for name, one in expected.items()}


def test_a_long_stream_is_found_without_sorting_its_rows(store: Store) -> None:
    rows = 200_000
    store.query(
        "INSERT INTO otel_logs (StreamId, StreamFrom, StreamTo, Topic, Offset)"
        f" SELECT 'long', number * 100, number * 100 + 100, 'logs', number FROM numbers({rows}) WHERE number != 5"
    )
    assert list(stored_ranges(store, ["long"])["long"]) == [(0, 500), (600, rows * 100)]
    assert list(stored_offsets(store, "logs", 0, "", 0)) == [(0, 5), (6, rows)]


def test_more_streams_than_one_statement_takes_are_all_found(store: Store) -> None:
    names = [f"stream-{number}" for number in range(IDS_A_STATEMENT + 2)]
    insert(store, *({"StreamId": name, "StreamFrom": 1, "StreamTo": 2} for name in names))
    assert all(list(one) == [(1, 2)] for one in stored_ranges(store, names).values())


def test_a_statement_sorts_a_bounded_number_of_rows() -> None:
    assert list(batches([])) == []
    assert list(batches([(7, SORTED_ROWS * 2)])) == [[7]]
    half = SORTED_ROWS // 2
    assert list(batches([(1, half), (2, half), (3, 1)])) == [[1, 2], [3]]
    assert [len(batch) for batch in batches([(n, 1) for n in range(IDS_A_STATEMENT + 1)])] == [IDS_A_STATEMENT, 1]

"""Rows of the layout before: each is found once at every moment until they are written as this release has them."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from logpost.config import StoreConfig
from logpost_web.query.condition import compile_condition
from logpost_web.query.histogram import extent_statement
from logpost_web.query.rows import FoundRow, cursor_behind, record_statement, rows_statement
from logpost_web.query.search import read_search
from logpost_web.query.statement import Statement
from logpost_web.store import manifest_table, older, retained
from logpost_web.store.columns import LOGS
from logpost_web.store.errors import QueryError
from logpost_web.store.retained import Chosen
from logpost_web.store.schema import CREATE_TABLE, VERSION, version_comment
from logpost_web.store.store import Store
from logpost_web.store.stored import stored_offsets
from tests.web.store.test_store import as_of_layout_2

DAYS = 3
ROWS = 100
SECONDS = 30.0
NOW_NS = 1_790_000_000_000_000_000


def as_of_layout_3(store: Store) -> None:
    """The table as it was made before rows lay by service and host."""
    made = re.sub(r"^    Bucket .*\n", "", CREATE_TABLE, flags=re.MULTILINE)
    made = re.sub(r"ORDER BY .*", "ORDER BY (Timestamp, Topic, Partition, Offset)", made)
    made = re.sub(r"(ResourceAttributes|ScopeAttributes) JSON ALIAS .*", r"\1 JSON CODEC(ZSTD(1)),", made)
    store.command("DROP TABLE otel_logs SYNC")
    store.command(made.replace(version_comment(VERSION), version_comment(3)))


LAYOUTS = {2: as_of_layout_2, 3: as_of_layout_3}


def insert(store: Store, days: int = DAYS) -> None:
    """ROWS of each day, of two topics."""
    store.command(
        "INSERT INTO otel_logs (Timestamp, Body, LogAttributes, Topic, TopicId, Offset, IndexedAt) SELECT"
        f" toDateTime64(86400 * (20000 + intDiv(number, {ROWS})) + number, 9, 'UTC'), 'line ' || toString(number),"
        " '{\"n\":' || toString(number) || '}', if(number % 10 = 0, 'quiet', 'logs'), 'T', number,"
        f" 86400 * (20000 + intDiv(number, {ROWS})) FROM numbers({days * ROWS})"
    )


def old_store(directory: Path, layout: int) -> Store:
    """One that was just opened by this release."""
    store = Store.open(StoreConfig(), directory)
    LAYOUTS[layout](store)
    insert(store)
    store.close()
    return Store.open(StoreConfig(), directory)


def found(store: Store) -> list[int]:
    rows = store.query("SELECT Offset, Body, LogAttributes.n::Int64 FROM otel_logs ORDER BY Bucket, Offset").rows
    assert [(f"line {offset}", offset) for offset, _, _ in rows] == [(body, number) for _, body, number in rows]
    return sorted(offset for offset, _, _ in rows)


ALL = list(range(DAYS * ROWS))


def copy(store: Store, part: older.Part) -> None:
    for one in older.begin(store, part):
        older.copy(store, part, one)
    assert older.is_copied(store, part)


def move_all(store: Store) -> None:
    while left := older.parts(store):
        copy(store, left[0])
        assert older.take(store, SECONDS)
        assert found(store) == ALL
    assert older.end(store, SECONDS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_is_found_before_while_and_after_it_is_moved(tmp_path: Path, layout: int) -> None:
    store = old_store(tmp_path, layout)
    assert store.version == VERSION
    assert store.reads_older
    assert found(store) == ALL
    assert [one.day for one in older.parts(store)] == ["2024-10-06", "2024-10-05", "2024-10-04"]
    before = sorted(retained.units(store))[0][:3]
    move_all(store)
    assert found(store) == ALL
    assert not store.has_table("otel_logs_older")
    assert not store.has_table("otel_logs_copied")
    assert (sorted(retained.units(store))[0][:3], len(retained.units(store))) == (before, DAYS)
    assert store.query("SELECT count() FROM otel_logs WHERE Bucket = 0").rows == [(0,)]
    store.close()
    store = Store.open(StoreConfig(), tmp_path)
    assert not store.reads_older
    assert found(store) == ALL
    store.close()


QUERIES = [
    "",
    "line",
    '"line 17"',
    "line NOT 5",
    "n:>250",
    "n:5",
    "n:>=1e2 OR 7",
    "topic:quiet",
    "service:shop line",
    "/line [0-9]5$/",
    "trace_id:abc",
    "offset:<40",
]


def test_each_kind_of_statement_finds_the_same_before_and_after(tmp_path: Path) -> None:
    store = old_store(tmp_path, 3)

    def rows_of(statement: Statement) -> Sequence[Sequence[Any]]:
        return store.query(statement.sql, statement.parameters).rows

    def answers() -> list[object]:
        found: list[object] = []
        for query in QUERIES:
            for order in ("asc", "desc"):
                search = read_search(
                    {"q": query, "order": order, "limit": "7", "start": "2024-01-01T00:00:00Z"}, NOW_NS
                )
                pages = [rows_of(rows_statement(search, LOGS))]
                if pages[0]:
                    after = cursor_behind([FoundRow(*row) for row in pages[0]], search)
                    search = dataclasses.replace(search, after=after)
                    pages.append(rows_of(rows_statement(search, LOGS)))
                found.append(pages)
            condition = compile_condition(search.query, LOGS)
            found.append(rows_of(extent_statement(condition, search.time_range)))
        found.append(rows_of(record_statement("logs", 0, 17, "T", LOGS)))
        found.append([*stored_offsets(store, "logs", 0, "T", 0)])
        return found

    before = answers()
    move_all(store)
    assert answers() == before
    assert sum(bool(one) for one in before) > len(QUERIES)
    store.close()


def killed_after(store: Store, statements: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Move a day, and end after so many commands; whether that was before its end."""
    command = store.command
    left = [statements]

    def counted(sql: str, parameters: object = None) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        command(sql, parameters)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(store, "command", counted)
        try:
            copy(store, older.parts(store)[0])
            older.take(store, SECONDS)
        except KeyboardInterrupt:
            return True
    return False


def test_killed_at_any_step_each_row_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = old_store(tmp_path, 3)
    steps = 0
    while killed_after(store, steps, monkeypatch):
        store.close()
        store = Store.open(StoreConfig(), tmp_path)
        assert found(store) == ALL
        assert sum(rows for rows, _ in manifest_table.count_rows(store, manifest_table.CHUNK).values()) == len(ALL)
        if not older.parts(store):
            break
        steps += 1
    assert steps >= 5
    move_all(store) if store.reads_older else None
    assert found(store) == ALL
    store.close()


def test_killed_when_a_part_of_it_was_in_its_place(tmp_path: Path) -> None:
    store = old_store(tmp_path, 3)
    copy(store, older.parts(store)[0])
    store.command("RENAME TABLE otel_logs_copied TO otel_logs_moved")
    store.command("INSERT INTO otel_logs (* EXCEPT (Bucket)) SELECT * FROM otel_logs_moved WHERE Topic = 'quiet'")
    store.close()
    store = Store.open(StoreConfig(), tmp_path)
    assert found(store) == ALL
    assert len(older.parts(store)) == DAYS - 1
    store.close()


def test_what_retention_drops_meanwhile_is_moved_no_more(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        store = old_store(tmp_path / str(layout), layout)
        oldest = min(retained.units(store))
        newest = older.parts(store)[0]
        slices = older.begin(store, newest)
        for one in slices:
            older.copy(store, newest, one)
        chosen = Chosen(oldest.of_class, oldest.number)
        assert retained.count(store, chosen).rows == ROWS
        retained.drop(store, chosen)
        assert found(store) == ALL[ROWS:]
        assert older.is_copied(store, newest)
        # Of the day itself.
        retained.drop(store, Chosen(*older.class_and_unit(newest.id), before=20_002 * 86_400 + 1, query="line 250"))
        assert found(store) == [one for one in ALL[ROWS:] if one != 250]
        assert not older.is_copied(store, newest)
        store.close()


def test_searches_beside_it_miss_nothing_and_see_nothing_twice(tmp_path: Path) -> None:
    store = old_store(tmp_path, 3)
    is_done = threading.Event()
    counts: set[int] = set()

    def search() -> None:
        while not is_done.is_set():
            counts.add(store.query("SELECT count() FROM otel_logs WHERE NOT ignore(Body)").rows[0][0])

    threads = [threading.Thread(target=search) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        move_all(store)
    finally:
        is_done.set()
        for one in threads:
            one.join()
    assert counts == {len(ALL)}
    store.close()


def test_a_day_does_not_change_places_while_a_statement_runs(tmp_path: Path) -> None:
    store = old_store(tmp_path, 3)
    copy(store, older.parts(store)[0])
    with store._gate.inside():
        taken = []
        other = threading.Thread(target=lambda: taken.append(older.take(store, 0.01)))
        other.start()
        other.join()
        assert taken == [False]
        assert len(older.parts(store)) == DAYS
    assert older.take(store, SECONDS)
    assert found(store) == ALL
    store.close()


def test_it_is_not_rebuilt_meanwhile(tmp_path: Path) -> None:
    store = old_store(tmp_path, 3)
    with pytest.raises(QueryError, match="still being moved"):
        store.begin_rebuild()
    store.close()

"""The embedded store: opened once, by one process, and true to its table."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost.errors import ConfigError, InUseError, StartError
from logpost.service import DirectoryLock
from logpost_web.retention.units import Unit
from logpost_web.store import older, rebuild, room
from logpost_web.store.errors import QueryError
from logpost_web.store.retained import units
from logpost_web.store.schema import (
    ADDED_COLUMNS,
    CREATE_TABLE,
    SEARCHED_TEXT,
    VERSION,
    version_comment,
)
from logpost_web.store.store import Store
from logpost_web.time_limits import MAX_NS, MIN_NS
from tests.support.processes import free_port

OPENTELEMETRY_COLUMNS = {
    "Timestamp": "DateTime64(9, 'UTC')",
    "TraceId": "String",
    "SpanId": "String",
    "TraceFlags": "UInt8",
    "SeverityText": "LowCardinality(String)",
    "SeverityNumber": "UInt8",
    "ServiceName": "LowCardinality(String)",
    "Body": "String",
    "ResourceSchemaUrl": "LowCardinality(String)",
    "ResourceAttributes": "JSON",
    "ScopeSchemaUrl": "LowCardinality(String)",
    "ScopeName": "String",
    "ScopeVersion": "LowCardinality(String)",
    "ScopeAttributes": "JSON",
    "LogAttributes": "JSON(max_dynamic_paths=128)",
    "EventName": "String",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(StoreConfig(), tmp_path / "store")
    yield store
    store.close()


def insert(store: Store, *rows: dict[str, object]) -> None:
    store.insert("\n".join(map(json.dumps, rows)).encode())


def test_the_table_has_the_columns_of_opentelemetry(store: Store) -> None:
    columns = store.query("SELECT name, type FROM system.columns WHERE table = 'otel_logs'").rows
    found = {str(name): str(kind) for name, kind in columns}
    assert OPENTELEMETRY_COLUMNS.items() <= found.items()
    ours = {"HostName", "Topic", "Partition", "Offset", "StreamId", "StreamFrom", "StreamTo"}
    assert ours <= found.keys() - OPENTELEMETRY_COLUMNS.keys()


def test_rows_outlive_the_store(tmp_path: Path) -> None:
    for expected in (1, 2):
        store = Store.open(StoreConfig(), tmp_path)
        insert(store, {"Body": "x", "Offset": expected})
        assert store.query("SELECT count() FROM otel_logs").rows == [(expected,)]
        store.close()


def test_a_copy_that_followed_the_links_can_be_opened(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path / "store")
    insert(store, {"Body": "x"})
    store.close()
    shutil.copytree(tmp_path / "store", tmp_path / "copy", symlinks=False)
    store = Store.open(StoreConfig(), tmp_path / "copy")
    assert store.query("SELECT Body FROM otel_logs").rows == [("x",)]
    store.close()


def test_a_store_with_many_broken_parts_opens_and_serves_the_rest(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    store.command("SYSTEM STOP MERGES otel_logs")
    for number in range(110):
        insert(store, {"Body": "x" * 1000, "Offset": number, "IndexedAt": 1})
    store.close()
    files = sorted(tmp_path.glob("clickhouse/store/*/*/0-*_*/data.bin"))
    assert len(files) == 110
    for file in files[:-1]:
        file.write_bytes(file.read_bytes()[:-10])
    store = Store.open(StoreConfig(), tmp_path)
    assert store.query("SELECT count() FROM otel_logs").rows == [(1,)]
    store.close()


def test_a_second_process_is_told_who_has_the_store(tmp_path: Path, store: Store) -> None:
    program = f"""
        from pathlib import Path
        from logpost.config import StoreConfig
        from logpost_web.store.store import Store
        Store.open(StoreConfig(), Path({str(tmp_path / "store")!r}))
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert "is in use by process" in answer.stderr.splitlines()[-1]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=str(tmp_path / "file" / "store")):
        Store.open(StoreConfig(), tmp_path / "file" / "store")


@pytest.mark.parametrize("url", ["http://localhost", "postgres://x/y", "logs", "chdb://u:p@h"])
def test_a_url_that_is_no_store_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url"):
        Store.open(StoreConfig(url=url), tmp_path)


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(StartError, match=address) as raised:
        Store.open(StoreConfig(url=f"clickhouse://logs:secret@{address}/logs"), tmp_path)
    assert "secret" not in str(raised.value)
    Store.open(StoreConfig(), tmp_path).close()  # the directory is free again


def test_statements_of_many_threads_run_side_by_side(store: Store) -> None:
    threads = 4
    together = threading.Barrier(threads, timeout=60)
    answers: list[object] = []

    def ask(number: int) -> None:
        together.wait()
        answers.append(store.query("SELECT sum(number) + {n:Int64} FROM numbers(1000000)", {"n": number}).rows[0][0])

    running = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert sorted(map(str, answers)) == sorted(str(499_999_500_000 + number) for number in range(threads))


@pytest.mark.parametrize("text", ["it's", 'a "quote"', "back\\slash", "line\nbreak", "tab\t", "zoë", "{x:String}", ""])
def test_parameters_come_through_unharmed(store: Store, text: str) -> None:
    assert store.query("SELECT {text:String}", {"text": text}).rows == [(text,)]
    assert store.query("SELECT {texts:Array(String)}", {"texts": [text, text]}).rows == [([text, text],)]


def test_a_statement_that_fails_says_why_in_one_line(store: Store) -> None:
    with pytest.raises(QueryError, match="nowhere") as raised:
        store.query("SELECT * FROM nowhere")
    assert "\n" not in str(raised.value)
    assert raised.value.code == 60
    with pytest.raises(QueryError) as slow:
        store.query("SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_execution_time = 0.2, max_block_size = 1")
    assert slow.value.timed_out


def test_what_a_failed_statement_had_found_is_in_no_later_answer(store: Store) -> None:
    for failing in ("throwIf(number = 70000)", "throwIf(number = 70000), repeat('x', 100)"):
        with pytest.raises(QueryError):
            store.query(f"SELECT {failing} FROM numbers(100000) SETTINGS max_block_size = 1000")
        assert store.query("SELECT 1").rows == [(1,)]


def test_an_insert_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(QueryError):
        store.insert(b'{"Body":"good"}\n{"Body":"bad","LogAttributes":{"a":1,"a":2}}')
    assert store.query("SELECT count() FROM otel_logs").rows == [(0,)]


def test_a_block_of_old_and_new_lines_is_one_part(store: Store) -> None:
    times = [f"{year}-06-01T00:00:00Z" for year in range(1900, 2262)]
    insert(store, *({"Timestamp": time, "Offset": number, "IndexedAt": 1} for number, time in enumerate(times)))
    assert store.query("SELECT count(), uniqExact(_part) FROM otel_logs").rows == [(len(times), 1)]


def test_the_first_and_the_last_time_that_a_row_can_have(store: Store) -> None:
    insert(store, {"Timestamp": "1900-01-01T00:00:00Z"}, {"Timestamp": "2262-04-11T23:47:15.999999999Z"})
    times = "SELECT toUnixTimestamp64Nano(Timestamp) FROM otel_logs ORDER BY Timestamp"
    assert store.query(times).rows == [(MIN_NS,), (MAX_NS,)]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        (f"hasToken({SEARCHED_TEXT}, 'needle')", "idx_words"),
        ("TraceId = 'x'", "idx_trace_id"),
        ("StreamId IN ('x', 'y')", "idx_stream_id"),
        ("Offset >= 5", "idx_offset"),
    ],
)
def test_indexes_serve_the_expressions_that_they_are_for(store: Store, condition: str, index: str) -> None:
    insert(store, {"Body": "hay"})
    assert_served(store, condition, index)


def assert_served(store: Store, condition: str, index: str) -> None:
    plan = store.query(f"EXPLAIN indexes = 1 SELECT count() FROM otel_logs WHERE {condition}").rows
    assert any(index in line for (line,) in plan)


def test_attributes_that_are_never_the_same_leave_the_store_usable(store: Store) -> None:
    for block in range(3):
        insert(store, *({"Offset": n, "LogAttributes": {f"k{block}-{n}": n, "common": n % 7}} for n in range(3000)))
    common = "toString(getSubcolumn(LogAttributes, 'common'))"
    assert store.query(f"SELECT count() FROM otel_logs WHERE {common} = '3'").rows == [(3 * 429,)]
    assert len(store.query("SELECT toJSONString(LogAttributes) FROM otel_logs").rows) == 9000


def test_the_store_may_open_many_files(store: Store) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= min(hard, 65_536) or hard == resource.RLIM_INFINITY


def test_a_new_table_has_the_current_layout(store: Store) -> None:
    assert store.version == VERSION


def test_a_table_of_an_older_layout_is_noticed_and_taken_along(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    insert(store, {"Body": "old", "Offset": 1})
    store.command("ALTER TABLE otel_logs MODIFY COMMENT ''")
    store.command("ALTER TABLE otel_logs DROP INDEX idx_words, ADD INDEX idx_lower_body lower(Body) TYPE minmax")
    for column in ADDED_COLUMNS:
        store.command(f"ALTER TABLE otel_logs DROP COLUMN {column.split()[0]}")
    store.close()

    for _ in range(2):  # killed before it is through, it goes on
        store = Store.open(StoreConfig(), tmp_path)
        assert store.version == VERSION
        assert store.query("SELECT count() FROM otel_logs").rows == [(0,)]
        assert rebuild.is_running(store)
        store.close()
    store = Store.open(StoreConfig(), tmp_path)
    insert(store, {"Body": "new", "Offset": 2})
    key = ("", "", 0, 0)
    assert rebuild.copy(store, key, 65_536, 2) == 1
    assert rebuild.copy(store, key, 65_536, 2) == 1
    assert rebuild.offsets(store, "otel_logs", 65_536)[key].rows == 2
    rebuild.end(store)
    assert store.query("SELECT Body FROM otel_logs ORDER BY Offset").rows == [("old",), ("new",)]
    assert not rebuild.is_running(store)
    store.close()


def as_of_layout_2(store: Store) -> None:
    """The table as it was made before retention."""
    made = re.sub(r"^    (?:ArrivedAt|Retention).*\n", "", CREATE_TABLE, flags=re.MULTILINE)
    made = re.sub(r"PARTITION BY .*", "PARTITION BY toDate(IndexedAt)", made)
    store.command("DROP TABLE otel_logs SYNC")
    store.command(made.replace(version_comment(VERSION), version_comment(2)))


def test_rows_from_before_retention_go_to_the_units_of_the_days_when_they_were_indexed(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    as_of_layout_2(store)
    days = 3
    store.command(
        "INSERT INTO otel_logs (Body, Offset, IndexedAt) SELECT 'x', number, (20000 + number) * 86400 + 5"
        f" FROM numbers({days}) SETTINGS max_partitions_per_insert_block = 0"
    )
    store.close()

    store = Store.open(StoreConfig(), tmp_path)
    assert store.version == VERSION
    while left := older.parts(store):
        for one in older.begin(store, left[0]):
            older.copy(store, left[0], one)
        assert older.take(store, 10)
    found = {unit.number: (unit.of_class, unit.rows) for unit in units(store)}
    assert found == {Unit((20_000 + one) * 24, 24).number: (0, 1) for one in range(days)}
    assert store.query("SELECT countIf(ArrivedAt != IndexedAt) FROM otel_logs").rows == [(0,)]
    store.close()


def test_a_rebuild_for_an_older_layout_begins_again_with_all_rows(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    as_of_layout_2(store)
    store.command("INSERT INTO otel_logs (Offset, Body) VALUES (1, 'old'), (2, 'old')")
    store.command("RENAME TABLE otel_logs TO otel_logs_before")
    store.command("CREATE TABLE otel_logs AS otel_logs_before COMMENT 'logpost layout 2'")
    store.command("INSERT INTO otel_logs (Offset, Body) VALUES (2, 'again'), (3, 'new')")
    store.close()

    for _ in range(2):
        store = Store.open(StoreConfig(), tmp_path)
        assert store.version == VERSION
        assert store.query("SELECT count() FROM otel_logs").rows == [(0,)]
        before = "SELECT Offset, Body FROM otel_logs_before ORDER BY Offset"
        assert store.query(before).rows == [(1, "old"), (2, "old"), (3, "new")]
        store.close()


def test_rows_that_cannot_be_laid_before_the_engine_can_be_inserted_again(store: Store, tmp_path: Path) -> None:
    temporary = tmp_path / "store" / "tmp"
    temporary.rmdir()
    with pytest.raises(QueryError, match="cannot be laid before the engine: No such file") as raised:
        insert(store, {"Body": "a line"})
    assert raised.value.code == 0
    temporary.mkdir()
    insert(store, {"Body": "a line"})
    assert store.query("SELECT count() FROM otel_logs").rows == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_opens_no_store_of_another_user_and_is_told_who_has_it(tmp_path: Path) -> None:
    """As `logpost store check` would: the engine would leave files of root in it."""
    directory = tmp_path / "store"
    held = DirectoryLock(directory)
    os.chown(directory, 65_534, 65_534)
    with pytest.raises(InUseError):
        Store.open(StoreConfig(), directory)
    held.release()
    for _ in range(2):  # the first try has let go of it
        with pytest.raises(StartError, match=f"{directory} belongs to"):
            Store.open(StoreConfig(), directory)
    (directory / "lock").unlink()
    with pytest.raises(StartError, match=f"{directory} belongs to"):
        Store.open(StoreConfig(), directory)
    assert list(directory.iterdir()) == []


def test_a_statement_that_met_a_full_disk_first_says_how_full_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = QueryError("Cannot reserve 1.00 MiB, not enough space", 243)
    assert store.explained(failed) == str(failed)
    monkeypatch.setattr(room, "LEAST_RESERVE_BYTES", 2**62)
    assert "bytes are free" in store.explained(failed)


def test_a_search_while_the_table_is_put_aside_finds_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment there is none: a search that begins then waits, and one that runs holds up nothing for long."""
    command, found = store.command, []
    searching = threading.Thread(target=lambda: found.append(store.query("SELECT count() FROM otel_logs").rows))

    def search_and_create(sql: str) -> None:
        if "CREATE TABLE IF NOT EXISTS otel_logs " in sql:
            searching.start()
            searching.join(0.3)
        command(sql)

    monkeypatch.setattr(store, "command", search_and_create)
    is_inside, may_leave = threading.Event(), threading.Event()

    def long_search() -> None:
        with store._gate.inside():
            is_inside.set()
            may_leave.wait(60)

    running = threading.Thread(target=long_search)
    running.start()
    assert is_inside.wait(60)
    store.begin_rebuild()
    searching.join(60)
    may_leave.set()
    running.join(60)
    assert found == [[(0,)]]

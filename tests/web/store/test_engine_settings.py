"""What logpost sets of the engine is known to it, is in force, and stands in the docs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost_web.store.engine_settings import INSERT, STATEMENT, TABLE
from logpost_web.store.store import Store

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(StoreConfig(), tmp_path / "store")
    yield store
    store.close()


def in_force(store: Store) -> dict[str, str]:
    return {str(name): str(value) for name, value in store.query("SELECT name, value FROM system.settings").rows}


def test_the_engine_knows_each_setting(store: Store) -> None:
    assert (STATEMENT.keys() | INSERT.keys()) - in_force(store).keys() == set()
    of_tables = {name for (name,) in store.query("SELECT name FROM system.merge_tree_settings").rows}
    assert TABLE.keys() - of_tables == set()


def test_each_statement_has_its_settings(store: Store) -> None:
    found = in_force(store)
    assert {name: found[name] for name in STATEMENT} == {name: str(value) for name, value in STATEMENT.items()}


def test_no_other_overflow_mode_gives_a_part_for_the_whole(store: Store) -> None:
    modes = {name: value for name, value in in_force(store).items() if "overflow_mode" in name}
    assert {name for name, value in modes.items() if value != "throw"} == set()
    assert modes.keys() <= STATEMENT.keys()
    naming = [file.name for file in (ROOT / "web").rglob("logpost_web/**/*.py") if "overflow_mode" in file.read_text()]
    assert naming == ["engine_settings.py"]


def test_a_table_of_an_older_release_gets_its_settings(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    for table in ("otel_logs", "otel_logs_manifest"):
        store.command(f"ALTER TABLE {table} RESET SETTING {', '.join(TABLE)}")
    store.close()
    store = Store.open(StoreConfig(), tmp_path)
    definition = "SELECT create_table_query FROM system.tables WHERE name IN ('otel_logs', 'otel_logs_manifest')"
    definitions = store.query(definition).rows
    store.close()
    assert len(definitions) == 2
    for (made,) in definitions:
        assert [f"{name} = {value}" for name, value in TABLE.items() if f"{name} = {value}" not in made] == []


def test_docs_name_each_setting() -> None:
    assert [name for name in (*STATEMENT, *INSERT, *TABLE) if f"`{name}`" not in PAGE] == []


def test_what_the_engine_remembers_of_a_store_is_forgotten_with_it(tmp_path: Path) -> None:
    """A copy that is put back may have parts of the same names with other rows in them."""
    store = Store.open(StoreConfig(), tmp_path)
    inside, copy = tmp_path / "clickhouse", tmp_path / "copy"
    store.close()
    shutil.copytree(inside, copy, symlinks=True)
    store = Store.open(StoreConfig(), tmp_path)
    found = "SELECT count() FROM otel_logs WHERE Body = 'late'"
    parts = "SELECT name FROM system.parts WHERE table = 'otel_logs' AND active"
    names = []
    for message, count in (("early", 0), ("late", 1)):
        store.insert(b"".join(b'{"Body":"%s","IndexedAt":1}\n' % message.encode() for _ in range(9_000)))
        names.append(store.query(parts).rows)
        for _ in range(2):
            assert store.query(found).rows == [(count * 9_000,)]
        shutil.rmtree(inside)
        shutil.copytree(copy, inside, symlinks=True)
        store.open_again()
    assert names[0] == names[1]
    store.close()


def test_the_engine_keeps_no_log_of_its_own(store: Store) -> None:
    """Of statements, threads, metrics: they would outgrow the rows."""
    for _ in range(20):
        store.query("SELECT count() FROM otel_logs")
        store.insert(b'{"Body":"x","IndexedAt":1}')
    with_rows = "SELECT database, table FROM system.parts WHERE database != currentDatabase()"
    assert store.query(with_rows).rows == []


def test_tables_of_another_release_get_the_values_of_this_one(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path / "store")
    store.command("ALTER TABLE otel_logs MODIFY SETTING old_parts_lifetime = 300")
    store.close()
    store = Store.open(StoreConfig(), tmp_path / "store")
    table = "FROM system.tables WHERE database = currentDatabase() AND name = 'otel_logs'"
    [(created,)] = store.query(f"SELECT create_table_query {table}").rows
    store.close()
    assert "old_parts_lifetime = 30," in created


def test_a_table_that_has_them_is_not_altered(tmp_path: Path) -> None:
    """On a disk without room that would empty its definition."""
    Store.open(StoreConfig(), tmp_path / "store").close()
    definitions = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.sql")}
    Store.open(StoreConfig(), tmp_path / "store").close()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.sql")} == definitions
    assert definitions

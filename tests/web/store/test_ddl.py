"""The statements for a cluster are ones that the engine's own parser takes, and make what a single server gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from logpost_web.store.ddl import cluster_statements
from logpost_web.store.store import Store
from tests.support.stores import opened_store


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        yield store


def test_the_parser_takes_them(store: Store) -> None:
    for sql in cluster_statements("it's"):
        shown = store.query("SELECT formatQuery({sql:String})", {"sql": sql}).rows[0][0]
        assert "ON CLUSTER `it\\'s`" in shown or "ON CLUSTER `it's`" in shown


def test_each_table_of_the_store_is_replicated_and_repeats_no_block(store: Store) -> None:
    tables = store.query("SELECT name FROM system.tables WHERE database = currentDatabase()").rows
    replicated = [sql for sql in cluster_statements("main") if "ENGINE = Replicated" in sql]
    assert sorted(sql.split()[5] for sql in replicated) == sorted(name for (name,) in tables)
    assert all("SETTINGS replicated_deduplication_window = 0, " in sql for sql in replicated)
    assert all("'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'" in sql for sql in replicated)


def test_a_table_has_the_columns_order_and_partitions_of_a_single_server(store: Store) -> None:
    """Apart from the engine, which needs a Keeper."""
    [created, *_] = cluster_statements("main")
    body = created[created.index("(") : created.index("ENGINE")]
    keys = created[created.index("PARTITION BY") : created.index("SETTINGS")]
    store.command(f"CREATE TABLE single {body} ENGINE = MergeTree {keys}")
    asked = "SELECT sorting_key, partition_key FROM system.tables WHERE name = {name:String}"
    assert store.query(asked, {"name": "single"}).rows == store.query(asked, {"name": "otel_logs"}).rows
    store.command("DROP TABLE single SYNC")


def test_the_command_prints_them() -> None:
    run = [sys.executable, "-m", "logpost", "store", "ddl", "--cluster", "main"]
    answer = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    assert answer.stdout == "".join(f"{sql};\n\n" for sql in cluster_statements("main"))

"""The tables of the store on a cluster of ClickHouse servers: statements for its administrator. Pure.

- `replicated_deduplication_window = 0`: replicated tables drop a block that they have seen before without a word, also
  after its rows were deleted (ClickHouse/ClickHouse#61565, #85712). Whether a row is there, logpost asks itself.
- The profile: a replica that lags does not know what is stored (#41048). With a quorum, one insert after the other, and
  sequential consistency, each replica that answers has all that was acknowledged.
- Each table is replicated within its shard, and logpost writes to the shard that `store.url` names. `otel_logs_all`
  reads all shards, for other programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logpost_web.store.schema import (
    CREATE_DELETED,
    CREATE_MANIFEST,
    CREATE_MATCHED,
    CREATE_STEPPED_OVER,
    CREATE_TABLE,
    TABLE,
)

PROFILE = "logpost"
_NAME = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_ENGINE = re.compile(r"ENGINE = (\w*MergeTree)(?:\((\w+)\))?")
_REPLICA = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
"""Macros that each server has in its configuration."""


def cluster_statements(cluster: str) -> Iterator[str]:
    """For `clickhouse-client`, each without a semicolon. `cluster`: its name in `system.clusters`."""
    on = f"ON CLUSTER {_quoted(cluster)}"
    for sql in (CREATE_TABLE, CREATE_MANIFEST, CREATE_STEPPED_OVER, CREATE_DELETED, CREATE_MATCHED):
        yield _replicated(sql.strip(), on)
    yield (
        f"CREATE TABLE IF NOT EXISTS {TABLE}_all {on} AS {TABLE}\n"
        f"ENGINE = Distributed({_quoted(cluster)}, currentDatabase(), {TABLE}, rand())"
    )
    yield (
        f"CREATE SETTINGS PROFILE IF NOT EXISTS {PROFILE} {on}\nSETTINGS insert_quorum = 'auto',"
        " insert_quorum_parallel = 0, select_sequential_consistency = 1, alter_sync = 2"
    )


def _replicated(sql: str, on: str) -> str:
    named = _NAME.sub(rf"\g<0> {on}", sql, count=1)
    engine = _ENGINE.sub(lambda found: f"ENGINE = Replicated{found[1]}({_arguments(found[2])})", named, count=1)
    return engine.replace("SETTINGS ", "SETTINGS replicated_deduplication_window = 0, ", 1)


def _arguments(version: str | None) -> str:
    return f"{_REPLICA}, {version}" if version else _REPLICA


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""How much a statement of the embedded engine has read: its client counts what comes out instead."""

from __future__ import annotations

from typing import Any


def count_what_is_read() -> None:
    """For all clients of this process."""
    # Here, since it loads the engine, which a store on a server has no use for.
    from clickhouse_connect.driver._backend import chdb_backend

    backend: Any = chdb_backend.ChdbBackend
    backend._summary = staticmethod(_summary)


def _summary(result: Any) -> dict[str, str]:
    """As ClickHouse has it in the header `X-ClickHouse-Summary`."""
    return {
        "read_rows": str(result.storage_rows_read()),
        "read_bytes": str(result.storage_bytes_read()),
        "elapsed_ns": str(int(result.elapsed() * 1e9)),
    }

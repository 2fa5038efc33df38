"""Statements for the store, of any thread; the only module that knows clickhouse-connect.

chDB opens one path per process and serialises the statements of one client, so statements that run side by side take a
client each, from a pool.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary

from logpost_web.store import engine_settings
from logpost_web.store.errors import QueryError, query_error
from logpost_web.store.gate import Gate
from logpost_web.store.schema import READ_OLDER_TOO, READ_ROWS, TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """Rows of a SELECT, and what reading them cost."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    rows_read: int
    bytes_read: int
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines of JSON arrays whose elements have the names and types of `structure`, and the expressions over them that
    are the `columns` of a row."""

    columns: tuple[str, ...]
    select: str
    structure: str


_LINES = "JSONCompactEachRow"


class Statements:
    """To a store at `target`, the arguments of `clickhouse_connect.get_client`. Between `connect` and `disconnect`."""

    def __init__(self, target: Mapping[str, Any]) -> None:
        self._target = target
        self._idle: list[Client] = []
        self._anchor: Client | None = None
        self._gate = Gate()
        self.reads_older = False
        """Whether what reads the rows reads those of the layout before, too."""
        self._suspects: list[str] = []

    @property
    def is_embedded(self) -> bool:
        return self._target.get("interface") == "chdb"

    def connect(self) -> None:
        """Raises ClickHouseError."""
        # The engine ends with its last client: this one keeps it from starting again after a statement that failed.
        self._anchor = self._new_client()

    def disconnect(self) -> None:
        while self._idle:
            self._idle.pop().close()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def check_place(self) -> None:
        """Raises QueryError where the engine answers from memory for a store that is not there any more."""

    def suspect(self, part: str) -> None:
        """A part that may be damaged."""
        self._suspects.append(f"/{part}/")

    def take_suspects(self) -> list[str]:
        """The errors by which statements found damage since the last call."""
        suspects, self._suspects = self._suspects, []
        return suspects

    def _failed(self, error: ClickHouseError) -> QueryError:
        failed = query_error(error)
        if failed.is_damage:
            self._suspects.append(str(failed))
        return failed

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        tag: str = "",
        settings: Mapping[str, object] | None = None,
    ) -> QueryResult:
        """Run a SELECT with `{name:Type}` parameters; `cancel(tag)` ends it. `settings`: of the engine, for this
        statement. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                settings = {**(settings or {}), **({"log_comment": tag} if tag else {})}
                sql = READ_ROWS.sub(READ_OLDER_TOO, sql) if self.reads_older else sql  # as it is in this moment
                result = client.query(sql, parameters=dict(parameters or {}), settings=settings)
                rows = result.result_rows
            self.check_place()
        except ClickHouseError as error:
            raise self._failed(error) from error
        summary = result.summary
        return QueryResult(
            columns=tuple(result.column_names),
            rows=rows,
            rows_read=int(summary.get("read_rows", 0)),
            bytes_read=int(summary.get("read_bytes", 0)),
            elapsed_ms=int(summary.get("elapsed_ns", 0)) / 1e6,
        )

    @contextlib.contextmanager
    def at_rest(self, seconds: float) -> Iterator[bool]:
        """A moment in which only this thread's statements run; False where it did not come within `seconds`."""
        with self._gate.closed(seconds) as is_closed:
            yield is_closed

    def has_table(self, table: str) -> bool:
        """Blocks. Raises QueryError."""
        found = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        return bool(self.query(found, {"table": table}).rows[0][0])

    def partition_ids(self, table: str) -> list[str]:
        """The engine's, of the table partitions that have rows. Blocks. Raises QueryError."""
        found = self.query(
            "SELECT DISTINCT partition_id FROM system.parts WHERE database = currentDatabase() AND active"
            " AND table = {table:String} ORDER BY 1",
            {"table": table},
        )
        return [name for (name,) in found.rows]

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement without an answer. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                client.command(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise query_error(error) from error

    def ask(self, sql: str) -> list[str]:
        """Run a statement that is no SELECT and has a row as its answer. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                answer = client.command(sql)
        except ClickHouseError as error:
            raise query_error(error) from error
        return [str(value) for value in answer] if isinstance(answer, list) else [str(answer)]

    def cancel(self, tag: str) -> None:
        """End the statement with this tag soon, if it runs. Any thread. Raises QueryError."""
        # By a setting, because the embedded store takes no id from outside.
        self.command(f"KILL QUERY WHERE Settings['log_comment'] = '{tag}' ASYNC")

    def cpu_seconds(self, tag: str) -> float:
        """What the statement with this tag used so far, 0 when none runs. Any thread. Raises QueryError."""
        sql = (
            "SELECT ProfileEvents['OSCPUVirtualTimeMicroseconds'] / 1e6 FROM system.processes "
            "WHERE Settings['log_comment'] = {tag:String}"
        )
        return max((float(used) for (used,) in self.query(sql, {"tag": tag}).rows), default=0.0)

    def running(self) -> list[tuple[str, int, int, int]]:
        """Of each statement with a tag that runs: tag, rows and bytes read, memory in bytes. Any thread. Raises
        QueryError."""
        sql = (
            "SELECT Settings['log_comment'], toUInt64(read_rows), toUInt64(read_bytes), toInt64(memory_usage)"
            " FROM system.processes WHERE Settings['log_comment'] != ''"
        )
        return [(str(tag), int(rows), int(size), int(memory)) for tag, rows, size, memory in self.query(sql).rows]

    def insert(self, rows: bytes, table: str = TABLE) -> None:
        """Insert lines of JSON, objects that name columns, all or none of them. Blocks; any thread. Raises
        QueryError."""
        with self._inserting() as client:
            self._send(client, table, rows, rows.rstrip(b"\n").count(b"\n") + 1 if rows else 0, "JSONEachRow")

    def insert_lines(self, rows: Sequence[bytes], lines: Lines, table: str = TABLE) -> None:
        """Insert rows, all or none of them. Blocks; any thread. Raises QueryError."""
        body = b"\n".join(rows)
        into = f"{table} ({', '.join(lines.columns)})"
        with self._inserting() as client:
            if not self.is_embedded:
                source = f"input({_literal(lines.structure)})"
                from_input = f"{into} SELECT {lines.select} FROM {source}"
                self._send(client, from_input, body, len(rows), _LINES)
                return
            # The embedded engine has no request that such rows could be the body of.
            with tempfile.NamedTemporaryFile(suffix=".lines") as file:
                file.write(body)
                file.flush()
                source = f"file({_literal(file.name)}, '{_LINES}', {_literal(lines.structure)})"
                known = _known(client, engine_settings.INSERT)
                settings = ", ".join(f"{name} = {_literal(str(value))}" for name, value in known.items())
                client.command(f"INSERT INTO {into} SETTINGS {settings} SELECT {lines.select} FROM {source}")

    def _send(self, client: Client, into: str, body: bytes, count: int, form: str) -> None:
        # No bytes: those the client sends again when the connection breaks, though the rows may be in.
        settings = _known(client, engine_settings.INSERT)
        summary = client.raw_insert(into, insert_block=io.BytesIO(body), fmt=form, settings=settings)
        self._check_written(summary, count)

    @contextlib.contextmanager
    def _inserting(self) -> Iterator[Client]:
        try:
            with self._client() as client:
                yield client
            self.check_place()
        except ClickHouseError as error:
            raise self._failed(error) from error
        except OSError as error:  # of the temporary file that the embedded engine reads them from
            self.check_place()
            raise QueryError(f"the rows cannot be laid before the engine: {error.strerror}") from error

    def _check_written(self, summary: QuerySummary, sent: int) -> None:
        """Servers have acknowledged inserts that stored nothing (ClickHouse/ClickHouse#65117). Raises QueryError."""
        if "dsn" in self._target and summary.written_rows < sent:
            raise QueryError(f"the server stored {summary.written_rows} of {sent} rows, and said that all is well")

    def _new_client(self) -> Client:
        client: Client = clickhouse_connect.get_client(**self._target)
        for name, value in _known(client, engine_settings.STATEMENT).items():
            client.set_client_setting(name, value)
        return client

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        """A client for one statement. One whose statement failed is not used again: in chDB 26.9 the rows that it had
        produced until then come out in front of the next answer."""
        with self._gate.inside():
            # list.pop and list.append are atomic: threads need no lock of ours.
            try:
                client = self._idle.pop()
            except IndexError:
                client = self._new_client()
            try:
                yield client
            except BaseException:
                client.close()
                raise
            self._idle.append(client)


def _known(client: Client, settings: engine_settings.Settings) -> dict[str, int | str]:
    """Those that the server has."""
    return {name: value for name, value in settings.items() if name in client.server_settings}


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

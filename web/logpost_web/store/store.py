"""The store behind one small interface; the only module that knows clickhouse-connect or chDB.

chDB opens one path per process and serialises the statements of one client, so statements that run side by side take a
client each, from a pool.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from logpost.config import StoreConfig
from logpost.errors import LogpostError, StartError
from logpost.service import DirectoryLock
from logpost.store_url import scheme_and_rest
from logpost_web.store.damage import is_damage
from logpost_web.store.gate import Gate
from logpost_web.store.links import restore_links
from logpost_web.store.schema import (
    ADDED_COLUMNS,
    BEFORE,
    CREATE_MANIFEST,
    CREATE_STEPPED_OVER,
    CREATE_TABLE,
    MANIFEST,
    REPLACED_INDEXES,
    TABLE,
    TOLERANT,
    VERSION,
    version_in,
)

OPEN_FILES = 65_536
"""The embedded store has two files for every column of every large part it reads; 1024 are usual and too few."""
GONE = 107
"""ClickHouse's code of a file that is not there."""
TIMED_OUT = 159
"""ClickHouse's code of a statement that ran into `max_execution_time`."""
TOO_LARGE = 396
"""That of one that ran into `max_result_bytes`."""


OPEN_TRIES = 10
OPEN_PAUSE_SECONDS = 1.0
"""A store that vanished while it was open is made again; the removal may not be through with it."""


class UnopenedError(StartError):
    """A store that the engine, or the server, does not open."""


class QueryError(LogpostError):
    """A statement that failed. `code`: ClickHouse's error code, 0 where it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_damage(self) -> bool:
        """Whether bytes of the store are damaged or gone."""
        return is_damage(self.code, str(self))

    @property
    def timed_out(self) -> bool:
        return self.code == TIMED_OUT

    @property
    def too_large(self) -> bool:
        return self.code == TOO_LARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """Rows of a SELECT, and what reading them cost."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    rows_read: int
    bytes_read: int
    elapsed_ms: float


class Store:
    """An open store with the table `otel_logs`."""

    @classmethod
    def open(cls, config: StoreConfig, directory: Path) -> Store:
        """`directory` holds the embedded store where `config.url` names no other, and the lock in any case.

        Raises StartError when the store cannot be opened, ConfigError for a URL that is neither chdb nor clickhouse.
        """
        lock = DirectoryLock(directory)
        try:
            return cls(_target(config, directory), lock)
        except BaseException:
            lock.release()
            raise

    def __init__(self, target: Mapping[str, Any], lock: DirectoryLock) -> None:
        self._target = target
        self._lock = lock
        self._idle: list[Client] = []
        self._gate = Gate()
        self._suspects: list[str] = []
        self._open()

    def _open(self) -> None:
        self._place: tuple[Path, int] | None = None
        target = self._target
        try:
            if "path" in target:
                restore_links(Path(target["path"]))
                self._refuse_newer(_version_on_disk(Path(target["path"])))
            # The engine ends with its last client: this one keeps it from starting anew after a statement that failed.
            self._anchor = clickhouse_connect.get_client(**target)
            self._anchor.command(CREATE_TABLE)
            self._anchor.command(CREATE_MANIFEST)
            self._anchor.command(CREATE_STEPPED_OVER)
            self._refuse_newer(self.version)
            if self.version < VERSION:
                self.begin_rebuild()
            for column in ADDED_COLUMNS:
                self._anchor.command(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {column}")
            self._replace_indexes()
            self._tolerate_broken_parts()
            self._place = self._find_place()
        except (ClickHouseError, QueryError, OSError) as error:
            raise UnopenedError(f"cannot open the store {self.description}: {_first_line(error)}") from error

    def _refuse_newer(self, found: int) -> None:
        if found > VERSION:
            if hasattr(self, "_anchor"):
                self._close_clients()
            raise StartError(
                f"the store {self.description} has layout {found}, made by a newer logpost; this one knows {VERSION}"
                " and older ones: start the newer release, or move the store away to fill a new one from the topic"
            )

    def has_table(self, table: str) -> bool:
        """Blocks. Raises QueryError."""
        found = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        return bool(self.query(found, {"table": table}).rows[0][0])

    def begin_rebuild(self) -> None:
        """Put the rows aside and begin an empty table, which the indexer fills: see `rebuild.py`. Nothing happens
        where that is under way. Blocks. Raises QueryError."""
        if self.has_table(BEFORE):
            return
        # By the manifest it lacks all its rows now. One block: it is written or it is not.
        self.command(
            f"INSERT INTO {MANIFEST} SELECT Topic, TopicId, Partition, Chunk, Start, Start, 0,"
            f" greatest(Lacks, Rows + Lost), Lost, -1, 0, Version + 1 FROM {MANIFEST} FINAL"
        )
        self._place = None
        self.command(f"RENAME TABLE {TABLE} TO {BEFORE}")
        self.command(CREATE_TABLE)
        self._place = self._find_place()

    @property
    def directory(self) -> Path:
        """Where the process that fills this store may keep small files of its own."""
        return self._lock.directory

    @property
    def description(self) -> str:
        """The store's address without its password."""
        if "path" in self._target:
            return f"chdb://{self._target['path']}"
        return str(self._target["dsn"]).rpartition("@")[2]

    @property
    def version(self) -> int:
        """The layout (`schema.VERSION`) in which all rows are written; a lower one: some may be from before. Blocks.
        Raises QueryError."""
        comment = "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        return version_in(self.query(comment, {"table": TABLE}).rows[0][0])

    def _replace_indexes(self) -> None:
        of_table = "FROM system.data_skipping_indices WHERE database = currentDatabase() AND table = {table:String}"
        for (name,) in self.query(f"SELECT name {of_table}", {"table": TABLE}).rows:
            if name in REPLACED_INDEXES:
                index = REPLACED_INDEXES[name]
                self._anchor.command(f"ALTER TABLE {TABLE} DROP INDEX {name}, ADD INDEX IF NOT EXISTS {index}")
                # In the background: what is not yet done is read whole.
                self._anchor.command(f"ALTER TABLE {TABLE} MATERIALIZE INDEX {index.split()[0]}")

    def _tolerate_broken_parts(self) -> None:
        """A store with many broken parts opens: what they held is read again."""
        for table in (TABLE, MANIFEST):
            of_table = "FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
            [(created,)] = self.query(f"SELECT create_table_query {of_table}", {"table": table}).rows
            if "max_compress_block_size" not in created:
                self._anchor.command(f"ALTER TABLE {table} MODIFY SETTING {TOLERANT}")

    def _find_place(self) -> tuple[Path, int] | None:
        """The directory of the embedded table, and its inode."""
        if "path" not in self._target:
            return None
        found = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        directory = Path(self.query(found, {"table": TABLE}).rows[0][0])
        return directory, directory.stat().st_ino

    @property
    def is_embedded(self) -> bool:
        return "path" in self._target

    def is_there(self) -> bool:
        """Whether the directory is the one that was opened. The engine itself goes on without it, from memory."""
        if self._place is None:
            return True
        directory, inode = self._place
        try:
            return directory.stat().st_ino == inode and (Path(self._target["path"]) / "metadata").exists()
        except OSError:
            return False

    def _check_place(self) -> None:
        if not self.is_there():
            raise QueryError(f"the directory of the store {self.description} was removed", GONE)

    def open_again(self) -> None:
        """Close it and open what is in its directory now. Waits for the statements that run. Raises StartError."""
        with self._gate.closed():
            self._close_clients()
            for left in reversed(range(OPEN_TRIES)):
                try:
                    self._lock = self._lock.renewed()
                    self._open()
                    return
                except StartError:
                    if not left:
                        raise
                    time.sleep(OPEN_PAUSE_SECONDS)

    def suspect(self, part: str) -> None:
        """A part that may be damaged."""
        self._suspects.append(f"/{part}/")

    def take_suspects(self) -> list[str]:
        """The errors by which statements found damage since the last call."""
        suspects, self._suspects = self._suspects, []
        return suspects

    def _failed(self, error: ClickHouseError) -> QueryError:
        failed = _query_error(error)
        if failed.is_damage:
            self._suspects.append(str(failed))
        return failed

    def query(self, sql: str, parameters: Mapping[str, object] | None = None, tag: str = "") -> QueryResult:
        """Run a SELECT with `{name:Type}` parameters; `cancel(tag)` ends it. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                settings = {"log_comment": tag} if tag else {}
                result = client.query(sql, parameters=dict(parameters or {}), settings=settings)
                rows = result.result_rows
            self._check_place()
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

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement without an answer. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                client.command(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise _query_error(error) from error

    def ask(self, sql: str) -> list[str]:
        """Run a statement that is no SELECT and has a row as its answer. Blocks; any thread. Raises QueryError."""
        try:
            with self._client() as client:
                answer = client.command(sql)
        except ClickHouseError as error:
            raise _query_error(error) from error
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

    def insert(self, rows: bytes, table: str = TABLE) -> None:
        """Insert lines of JSON, one row each, all or none of them. Blocks; any thread. Raises QueryError."""
        # Times may be RFC 3339, but what is text among the attributes stays text. A block is far below these limits and
        # becomes one part: that makes it atomic.
        settings = {
            "date_time_input_format": "best_effort",
            "input_format_try_infer_dates": 0,
            "input_format_try_infer_datetimes": 0,
            "input_format_json_try_infer_numbers_from_strings": 0,
            "input_format_parallel_parsing": 0,
            "min_insert_block_size_rows": 1_048_576,
            "min_insert_block_size_bytes": 1 << 30,
        }
        try:
            with self._client() as client:
                client.raw_insert(table, insert_block=rows, fmt="JSONEachRow", settings=settings)
            self._check_place()
        except ClickHouseError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Call it when no statement runs any more."""
        self._close_clients()
        self._lock.release()

    def _close_clients(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._anchor.close()

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        """A client for one statement. One whose statement failed is not used again: in chDB 26.9 the rows that it had
        produced until then come out in front of the next answer."""
        with self._gate.inside():
            # list.pop and list.append are atomic: threads need no lock of ours.
            try:
                client = self._idle.pop()
            except IndexError:
                client = clickhouse_connect.get_client(**self._target)
            try:
                yield client
            except BaseException:
                client.close()
                raise
            self._idle.append(client)


def _target(config: StoreConfig, directory: Path) -> dict[str, Any]:
    """Arguments of `clickhouse_connect.get_client`."""
    settings = {"max_memory_usage": config.max_memory_bytes}
    scheme, rest = scheme_and_rest(config.url)
    if scheme == "chdb":
        _allow_open_files()
        path = rest or str(directory / "clickhouse")
        options = {"max_server_memory_usage": config.max_memory_bytes}
        return {"interface": "chdb", "path": path, "settings": settings, "chdb_options": options}
    return {"dsn": f"clickhousedb://{rest}", "secure": scheme == "clickhouses" or ":8443" in rest}


def put_aside(config: StoreConfig, directory: Path) -> Path | None:
    """Rename the directory of an embedded store that cannot be opened; returns its new name, None where there is no
    such directory."""
    path = Path(str(_target(config, directory).get("path", "")))
    if not path.is_dir() or path == Path():
        return None
    aside = path.with_name(f"{path.name}-unopened-{time.time_ns()}")
    path.rename(aside)
    return aside


def _version_on_disk(path: Path) -> int:
    """The layout of the embedded store, read before the engine touches it; 0 where there is none."""
    definition = path / "metadata" / "default" / f"{TABLE}.sql"
    return version_in(definition.read_text(errors="replace")) if definition.is_file() else 0


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _query_error(error: ClickHouseError) -> QueryError:
    return QueryError(_first_line(error), getattr(error, "code", None) or 0)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

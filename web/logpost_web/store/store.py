"""The store behind one small interface: embedded in this process (chDB) or on a server."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from logpost.config import StoreConfig
from logpost.errors import StartError
from logpost.service import DirectoryLock, refuse_root
from logpost.store_url import scheme_and_rest
from logpost_web.store import embedded, layout, older, version
from logpost_web.store.errors import GONE, QueryError, UnopenedError, first_line
from logpost_web.store.memory import Memory, available_bytes, shares
from logpost_web.store.read_counts import count_what_is_read
from logpost_web.store.room import problems, refuse_full, release_if_full
from logpost_web.store.schema import RESTORED, TABLE, VERSION
from logpost_web.store.statements import Statements
from logpost_web.store.temporary import TemporaryFiles
from logpost_web.store.version import StoreVersion

ENGINE = "chdb-core"
"""The distribution that has the embedded engine."""
OPEN_TRIES = 10
OPEN_PAUSE_SECONDS = 1.0
"""A store that vanished while it was open is made again; the removal may not be through with it."""
HELD_SECONDS = 0.5
"""How long statements that run are waited for before the table is put aside."""
MEMORY_LOOK_MS = 250
"""How often the engine looks how much memory the process has; its default is 50."""
PURGE_RATIO = 0.03
CACHES = {
    "mark_cache_size": 1 / 32,
    "index_mark_cache_size": 1 / 64,
    "primary_index_cache_size": 1 / 64,
    "query_condition_cache_size": 1 / 64,
    "compiled_expression_cache_size": 1 / 64,
}
"""Of the engine, in parts of its memory."""
TEMPORARY = "tmp"
NEW = "`logpost store rebuild` keeps it aside, and the next start fills a new store from the topics"
REMEDY = f"what the engine wrote to stderr says why; if files are damaged, {NEW}"

log = logging.getLogger("web")

_SYSTEM_ERROR = re.compile(r"\[Errno -?\d+\] ([\w ]+)")
"""Inside what the HTTP client says of a server that cannot be reached: the only part that is for people."""


class Store(Statements):
    """An open store with the table `otel_logs`."""

    @classmethod
    def open(cls, config: StoreConfig, directory: Path) -> Store:
        """`directory` holds the embedded store where `config.url` names no other, and the lock in any case.

        Raises StartError when the store cannot be opened, ConfigError for a URL that is neither chdb nor clickhouse.
        """
        path = embedded.embedded_path(config, directory)
        if path is not None:
            with contextlib.suppress(OSError):  # said when it is opened
                version.refuse_newer(path, metadata.version(ENGINE))  # before its lock: nothing is written
        if not (directory / "lock").exists():
            refuse_root(directory)
        lock = DirectoryLock(directory)
        try:
            refuse_root(directory)  # not before: who only asks whether it is in use is told so
            memory = None
            if path is not None:
                memory = shares(config, available_bytes())
                if memory.total < config.max_memory_bytes:
                    log.info("the store may use %d MB: half of what there is", memory.total // 10**6)
            return cls(_target(config, path, memory), path, lock, memory, config.disk_reserve_bytes)
        except BaseException:
            lock.release()
            raise

    def __init__(
        self,
        target: Mapping[str, Any],
        path: Path | None,
        lock: DirectoryLock,
        memory: Memory | None = None,
        reserve_bytes: int = 0,
    ) -> None:
        """`path`: the directory of an embedded store."""
        super().__init__(target)
        self.memory = memory
        """What it may use, and its searches; None where a server has its own limits."""
        self._path = path
        self.reserve_bytes = reserve_bytes
        """Of its disk, which is kept free."""
        self._lock = lock
        self._temporary: TemporaryFiles | None = None
        self._open()

    def _open(self) -> None:
        self._place: tuple[Path, int] | None = None
        try:
            if self._path is not None:
                release_if_full(self.place)
                self._temporary = TemporaryFiles(self.directory / TEMPORARY)
                engine = _engine()
                version.refuse_newer(self._path, engine)
                embedded.prepare(self._path, engine)
            self.connect()
            layout.create(self)
            version.refuse(f"the store {self.description}", StoreVersion(layout=self.version), "")
            if self._path is not None and self.version < VERSION:
                refuse_full(self.place)
            layout.upgrade(self)
            older.settle(self)
            self.command(f"DROP TABLE IF EXISTS {RESTORED} SYNC")  # of a restore that was killed
            self._place = self._find_place()
        except (ClickHouseError, QueryError, OSError) as error:
            self.disconnect()
            raise UnopenedError(f"cannot open the store {self.description}: {self._reason(error)}") from error
        except StartError:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        super().disconnect()
        if self._temporary is not None:
            self._temporary.close()
            self._temporary = None

    def _reason(self, error: Exception) -> str:
        if self._path is None:
            said = first_line(error)
            away = _SYSTEM_ERROR.search(said)
            return f"no ClickHouse answers ({away[1]})" if away else said
        if problem := next(problems(self.place, 0), ""):
            return problem
        if os.path.lexists(self._path) and not self._path.is_dir():
            return f"it is no directory; {NEW}"
        return f"{first_line(error)}: {REMEDY}"

    def problems(self) -> Iterator[str]:
        """Why nothing more can be stored in its directory, which may be on a disk of its own; see `room.problems`."""
        return problems(self.place, self.reserve_bytes)

    def check_room(self) -> None:
        """To be called before rows are inserted: the engine's own merges need room, too. Raises QueryError."""
        if problem := self._problem():
            raise QueryError(problem)

    def explained(self, error: QueryError) -> str:
        """Why a statement failed: that the disk is full, and how full, where the engine met that before `check_room`
        did. Blocks."""
        return self._problem() or str(error)

    def _problem(self) -> str:
        return next(self.problems(), "") if self._path is not None else ""

    @property
    def place(self) -> Path:
        """A directory on the disk that its rows take."""
        return self._path if self._path is not None and self._path.is_dir() else self.directory

    def begin_rebuild(self) -> None:
        """Put the rows aside and begin an empty table: see `layout.begin_rebuild`. Blocks. Raises QueryError.

        No statement begins meanwhile, since for a moment there is no table; those that run go on with theirs."""
        with self._gate.held(HELD_SECONDS):
            layout.begin_rebuild(self)
        self._place = self._find_place()

    @property
    def version(self) -> int:
        """The layout of its rows: see `layout.version`. Blocks. Raises QueryError."""
        return layout.version(self)

    @property
    def directory(self) -> Path:
        """Where the process that fills this store may keep small files of its own."""
        return self._lock.directory

    @property
    def description(self) -> str:
        """The store's address without its password."""
        if self._path is not None:
            return f"chdb://{self._path}"
        return str(self._target["dsn"]).rpartition("@")[2]

    def _find_place(self) -> tuple[Path, int] | None:
        """The directory of the embedded table, and its inode."""
        if self._path is None:
            return None
        found = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        directory = Path(self.query(found, {"table": TABLE}).rows[0][0])
        return directory, directory.stat().st_ino

    @property
    def path(self) -> Path | None:
        """The directory of an embedded store."""
        return self._path

    def is_there(self) -> bool:
        """Whether the directory is the one that was opened. The engine itself goes on without it, from memory."""
        if self._place is None or self._path is None:
            return True
        directory, inode = self._place
        try:
            return directory.stat().st_ino == inode and (self._path / "metadata").exists()
        except OSError:
            return False

    def check_place(self) -> None:
        if not self.is_there():
            raise QueryError(f"the directory of the store {self.description} was removed", GONE)

    def open_again(self) -> None:
        """Close it and open what is in its directory now. Waits for the statements that run. Raises StartError."""
        with self._gate.closed():
            self.disconnect()
            for left in reversed(range(OPEN_TRIES)):
                try:
                    self._lock = self._lock.renewed()
                    self._open()
                    return
                except StartError:
                    if not left:
                        raise
                    # `time.sleep` fails where the clock is shifted by a preloaded library.
                    select.select((), (), (), OPEN_PAUSE_SECONDS)

    def close(self) -> None:
        """Call it when no statement runs any more."""
        self.disconnect()
        self._lock.release()


def _engine() -> str:
    """Version of the embedded engine, as `26.9.2.1`. Raises OSError."""
    try:
        import chdb  # takes a quarter of a second, and a store on a server has no use for it
    except RuntimeError as error:  # it writes temporary files
        raise OSError(f"cannot load its engine: {str(error).partition(', Stack trace')[0]}") from error
    count_what_is_read()
    return str(chdb.engine_version)


def _target(config: StoreConfig, path: Path | None, memory: Memory | None) -> dict[str, Any]:
    """Arguments of `clickhouse_connect.get_client`."""
    if memory is not None:
        total = memory.total
        options = {
            "max_server_memory_usage": total,
            "memory_worker_period_ms": MEMORY_LOOK_MS,
            # What was freed goes back to the system soon, instead of when it is a fifth of the limit.
            "memory_worker_purge_dirty_pages_threshold_ratio": PURGE_RATIO,
            # By default caches may grow to 5 GB each, in what searches and inserts have.
            **{name: int(total * part) for name, part in CACHES.items()},
        }
        return {"interface": "chdb", "path": str(path), "chdb_options": options, "settings": memory.settings()}
    scheme, rest = scheme_and_rest(config.url)
    return {"dsn": f"clickhousedb://{rest}", "secure": scheme == "clickhouses" or ":8443" in rest}

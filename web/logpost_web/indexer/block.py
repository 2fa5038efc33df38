"""The rows that are inserted together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from logpost.config import StoreConfig
from logpost_web.indexer import metrics
from logpost_web.indexer.block_writer import missing, rows_of, write
from logpost_web.indexer.run import Run
from logpost_web.retention.units import number_in_store
from logpost_web.store.row import Row
from logpost_web.store.store import Store
from logpost_web.store.stored import Place

FLOW = 1000
"""Records that one call of the client gives, at the least, while there are many."""
FILL_SECONDS = 5.0
"""How long a block may take to be filled then."""


def seconds_to_fill(config: StoreConfig, behind: int, came: int) -> float:
    """How long after the last block the next one is inserted, if it is not full before. `behind`: records that are not
    searchable yet; `came`: how many one call of the client gave.

    Where there are enough to fill it, and they come, it is filled: rows of small blocks cost more, in the insert and in
    the merges behind it. A machine on which an insert takes `block_seconds` never left blocks of one call."""
    fills = behind >= config.block_rows and came >= FLOW
    return max(config.block_seconds, FILL_SECONDS) if fills else config.block_seconds


class Block:
    def __init__(self, store: Store, config: StoreConfig) -> None:
        self._store = store
        self.config = config
        self.forget()

    def forget(self) -> None:
        self._runs: list[Run] = []
        self._rows: list[Row] = []
        self._length = 0
        self.bytes = 0
        """Of the messages that were read for it."""
        self._was_tried = False

    def __len__(self) -> int:
        return self._length

    def add(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        self._length += len(rows)

    def add_run(self, run: Run) -> None:
        self._runs.append(run)
        self._length += len(run)

    def rows_at(self, places: Collection[Place]) -> Iterator[Row]:
        """Those that end in one of `places`, and perhaps others."""
        return chain(self._rows, *(run.rows_at(places) for run in self._runs))

    def units(self) -> set[tuple[int, int]]:
        """Classes and units of its rows."""
        rows = {(row.retention_class, number_in_store(row.retention_unit, row.arrived_at * 1000)) for row in self._rows}
        return rows | {
            (run.retention_class, number_in_store(run.retention_unit, run.arrivals[0] * 1000)) for run in self._runs
        }

    @property
    def room(self) -> int:
        """Rows that it still takes."""
        return self.config.block_rows - len(self)

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or self.bytes >= self.config.block_bytes

    def insert(self) -> None:
        """Afterwards it is empty. Raises QueryError; it is then to be called again."""
        with metrics.INSERT_SECONDS.time():
            if self._was_tried:  # and some of it inserted, perhaps
                self._rows += rows_of(self._runs)
                self._runs = []
                self._rows = missing(self._store, self._rows)
                self._length = len(self._rows)
            self._was_tried = True
            write(self._store, self._rows, self._runs)
        metrics.ROWS.inc(len(self))
        self.forget()

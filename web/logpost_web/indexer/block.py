"""The rows that are inserted together."""

from __future__ import annotations

from collections.abc import Sequence

from logpost.config import StoreConfig
from logpost_web.indexer import metrics
from logpost_web.indexer.block_writer import missing, write
from logpost_web.retention.units import number_in_store
from logpost_web.store.row import Row
from logpost_web.store.store import Store


class Block:
    def __init__(self, store: Store, config: StoreConfig) -> None:
        self._store = store
        self.config = config
        self.forget()

    def forget(self) -> None:
        self.rows: list[Row] = []
        self.bytes = 0
        """Of the messages that were read for it."""
        self._was_tried = False

    def add(self, rows: Sequence[Row]) -> None:
        self.rows += rows

    def units(self) -> set[tuple[int, int]]:
        """Classes and units of its rows."""
        return {(row.retention_class, number_in_store(row.retention_unit, row.arrived_at * 1000)) for row in self.rows}

    @property
    def room(self) -> int:
        """Rows that it still takes."""
        return self.config.block_rows - len(self.rows)

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or self.bytes >= self.config.block_bytes

    def insert(self) -> None:
        """Afterwards it is empty. Raises QueryError; it is then to be called again."""
        with metrics.INSERT_SECONDS.time():
            if self._was_tried:  # and some of it inserted, perhaps
                self.rows = missing(self._store, self.rows)
            self._was_tried = True
            write(self._store, self.rows)
        metrics.ROWS.inc(len(self.rows))
        self.forget()

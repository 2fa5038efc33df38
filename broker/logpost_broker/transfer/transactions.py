"""Which transactions (KIP-98) of a log were aborted or never ended. Fed with the batches in order; pure."""

from __future__ import annotations

import struct

from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, Buffer
from logpost_broker.log.records import records_of

CONTROL_KEY = struct.Struct(">hh")
ABORT, COMMIT = 0, 1
"""Types of a control record; others, such as a change of leader, end no transaction."""


class Transactions:
    """The transactions of one partition."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._first_aborted: int | None = None

    def see(self, header: BatchHeader, batch: Buffer) -> None:
        """Raises ValueError for a control batch that cannot be read."""
        if header.attributes & CONTROL:
            end = _end_of(batch)
            began = self._open.pop(header.producer_id, None) if end is not None else None
            if end == ABORT and began is not None:
                self._first_aborted = min(began, began if self._first_aborted is None else self._first_aborted)
        elif header.attributes & TRANSACTIONAL:
            self._open.setdefault(header.producer_id, header.base_offset)

    @property
    def first_uncommitted(self) -> int | None:
        """The offset of the first batch that no reader of committed records may see."""
        aborted = [] if self._first_aborted is None else [self._first_aborted]
        return min([*aborted, *self._open.values()], default=None)


def _end_of(batch: Buffer) -> int | None:
    """ABORT or COMMIT, or None for a control batch that ends no transaction."""
    key = next(records_of(batch)).key or b""
    if len(key) < CONTROL_KEY.size:
        raise ValueError("a control record without a type")
    _, kind = CONTROL_KEY.unpack_from(key)
    return kind if kind in (ABORT, COMMIT) else None

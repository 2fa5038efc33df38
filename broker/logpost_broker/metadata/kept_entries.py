"""Lists of the metadata file that name things that need not be there: by key, and of a limited size.

Changes are decided one after the other, and written together: a file that is written again with each of 500 takes
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

import msgspec
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata.metadata_file import MetadataFile

MAX_ENTRIES_BYTES = 1024 * 1024
"""Of each list, as JSON: some 10,000 entries."""

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")


class KeptEntries(Generic[K, E]):
    """What the file has, and nothing that it has not yet."""

    def __init__(self, metadata: MetadataFile, field: str, key: Callable[[E], K]) -> None:
        """`field`: of the metadata."""
        self._metadata = metadata
        self.field = field
        self._entries: Mapping[K, E] = {key(entry): entry for entry in getattr(metadata.content, field) or ()}

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def get(self, key: K) -> E | None:
        return self._entries.get(key)

    def changes(self) -> EntryChanges[K, E]:
        """To be decided and saved before any others."""
        return EntryChanges(self)

    def save(self, changed: Mapping[K, E | None]) -> None:
        """See `EntryChanges.save`."""
        entries = {key: entry for key, entry in self._entries.items() if key not in changed}
        entries |= {key: entry for key, entry in changed.items() if entry is not None}
        self._metadata.change(lambda _: {self.field: [*entries.values()]})
        self._entries = entries


class EntryChanges(Generic[K, E]):
    """The changes, before they are saved."""

    def __init__(self, kept: KeptEntries[K, E]) -> None:
        self._kept = kept
        self._size_bytes = sum(map(_size, kept))
        self._changed: dict[K, E | None] = {}

    @property
    def is_any(self) -> bool:
        return bool(self._changed)

    @property
    def keys(self) -> Collection[K]:
        """Of what is changed."""
        return self._changed.keys()

    def get(self, key: K) -> E | None:
        """As it is with what was changed until now."""
        return self._changed[key] if key in self._changed else self._kept.get(key)

    def put(self, key: K, entry: E | None) -> None:
        """None takes it away. Raises ApiError POLICY_VIOLATION for what grows where no room is left."""
        before = self.get(key)
        grown = (0 if entry is None else _size(entry)) - (0 if before is None else _size(before))
        if grown > 0 and self._size_bytes + grown > MAX_ENTRIES_BYTES:
            what = self._kept.field.replace("_", " ")
            message = f"the {what} of a broker take at most {MAX_ENTRIES_BYTES} bytes: remove some first"
            raise ApiError(ErrorCode.policy_violation, message)
        self._size_bytes += grown
        self._changed.pop(key, None)
        self._changed[key] = entry

    def save(self) -> None:
        """Make all of them durable with one write. Blocks, and may run in a thread. Raises ApiError
        KAFKA_STORAGE_ERROR, and then none is made."""
        self._kept.save(self._changed)


def _size(entry: object) -> int:
    """With the comma behind it."""
    return len(msgspec.json.encode(entry)) + 1

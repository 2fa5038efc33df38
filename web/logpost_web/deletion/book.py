"""The deletions that a store knows, in a small file beside it: how far they are survives whatever ends the process."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import msgspec

from logpost_web.deletion.deletion import Deletion
from logpost_web.store import durable

FILE = "deletions.json"
UNREADABLE = "deletions.unreadable"
"""Where a file goes that is no list at all, before another one takes its place."""
MAX_ENDED = 1000
"""Deletions that are over and still told of; what they deleted is kept for ever."""

log = logging.getLogger("deletion")


class _Named(msgspec.Struct):
    id: str = ""


class Book:
    """For one thread, but for `all` and `get`. Methods that write raise OSError.

    What of the file cannot be read stays in it as it is. An entry makes place for a deletion that is put under its id.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        self._deletions: dict[str, Deletion] = {}
        self._unread: list[tuple[str, msgspec.Raw]] = []
        self._is_damaged = False
        self._load()

    def _load(self) -> None:
        try:
            entries = msgspec.json.decode(self._file.read_bytes(), type=list[msgspec.Raw])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            self._is_damaged = True
            self._complain("cannot be read, and will be kept as it is, as %s: %s", UNREADABLE, error)
            return
        for entry in entries:
            try:
                one = msgspec.json.decode(entry, type=Deletion)
            except msgspec.MsgspecError as error:
                self._unread.append((_id_of(entry), entry))
                self._complain("has an entry that cannot be read, and is kept as it is: %s", error)
            else:
                self._deletions[one.id] = one

    def _complain(self, what: str, *arguments: object) -> None:
        log.error(
            f"%s {what}. The lines stay hidden, and what the topic of deletions knows goes on. For what `logpost store"
            " delete --list` does not show, ask again",
            self._file,
            *arguments,
        )

    @property
    def unread(self) -> int:
        """Entries that cannot be read; 1 for a file of which nothing can be."""
        return len(self._unread) + self._is_damaged

    def all(self) -> list[Deletion]:
        """In the order in which they were asked for."""
        return list(self._deletions.values())

    def get(self, deletion: str) -> Deletion | None:
        return self._deletions.get(deletion)

    def put(self, deletion: Deletion) -> None:
        """New, or in place of the one of its id. It is not there when this raises OSError."""
        before, unread = self._deletions.get(deletion.id), self._unread
        self._deletions[deletion.id] = deletion
        self._unread = [one for one in unread if one[0] != deletion.id]
        try:
            self.save()
        except OSError:
            self._unread = unread
            if before is None:
                del self._deletions[deletion.id]
            else:
                self._deletions[deletion.id] = before
            with contextlib.suppress(OSError):
                self.save()  # it may be in the file, and only its directory cannot be synced
            raise

    def save(self) -> None:
        """Durable when it returns."""
        over = [one.id for one in self._deletions.values() if one.is_over]
        for old in over[:-MAX_ENDED]:
            del self._deletions[old]
        if self._is_damaged:
            self._file.replace(self._free_name())
            self._is_damaged = False
        durable.replace(self._file, msgspec.json.encode([*self.all(), *(entry for _, entry in self._unread)]))

    def _free_name(self) -> Path:
        name, number = self._file.with_name(UNREADABLE), 1
        while name.exists():
            name, number = self._file.with_name(f"{UNREADABLE}.{number}"), number + 1
        return name


def _id_of(entry: msgspec.Raw) -> str:
    """Empty where it has none."""
    try:
        return msgspec.json.decode(entry, type=_Named).id
    except msgspec.MsgspecError:
        return ""

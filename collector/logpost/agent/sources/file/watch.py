"""Hears of what happens in directories, and wakes the loop.

It never says what to read: the reader always looks at the file itself, and at all files once in a while, so that a lost
event costs delay and no data.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from logpost.said_once import SaidOnce

ROOT = Path("/")
# Opening and closing is what the agent does itself all day.
WATCHED_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened since the last call. `paths`: files that were written to. `names`: of files that came, went or
    moved. `tree`: so did directories."""

    paths: frozenset[Path] = frozenset()
    names: frozenset[Path] = frozenset()
    tree: bool = False


NOTHING = Seen()


class Watch(FileSystemEventHandler):
    """Filled by watchdog's threads."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: set[Path] = set()
        self._names: set[Path] = set()
        self._tree = False
        self._has_seen = False
        self._watches: dict[tuple[Path, bool], ObservedWatch] = {}
        self._said = SaidOnce(logging.getLogger("agent"))
        self._observer = self._started()
        self._unheard: set[tuple[Path, bool]] = set()

    def _started(self) -> BaseObserver | None:
        """None where other programs of this user have all that the system gives it (fs.inotify.max_user_instances)."""
        try:
            observer = Observer()
        except OSError as error:
            self._said.warn("watches", "files are not watched, only polled: %s", error.strerror)
            return None
        observer.start()
        return observer

    @property
    def hears_all(self) -> bool:
        """Of what happens in the directories that were added, on this host."""
        return self._observer is not None and not self._unheard

    def add(self, directories: Iterable[tuple[Path, bool]]) -> None:
        """Watch these (directory, with all below it) too, those that exist."""
        if self._observer is None:
            return
        for watched in directories:
            if watched in self._watches:
                continue
            self._unheard.add(watched)
            if self._is_heard(self._observer, *watched):
                self._unheard.remove(watched)

    def _is_heard(self, observer: BaseObserver, directory: Path, recursive: bool) -> bool:
        """From now on, or it is not there and has nothing to be heard."""
        if directory == ROOT:  # too much to watch; polling finds what changes there
            return False
        try:
            if directory.is_dir():
                self._watches[directory, recursive] = observer.schedule(
                    self, str(directory), recursive=recursive, event_filter=WATCHED_EVENTS
                )
        except OSError as error:
            self._said.warn("watches", "%s is not watched, only polled: %s", directory, error.strerror)
            return False
        except RecursionError:  # of Python before 3.12, in thousands of levels
            self._said.warn("watches", "%s is not watched, only polled: it is nested too deep", directory)
            return False
        return True

    def take(self) -> Seen:
        """What happened since the last call."""
        if not self._has_seen:
            return NOTHING
        with self._lock:
            seen = Seen(frozenset(self._paths), frozenset(self._names), self._tree)
            self._paths.clear()
            self._names.clear()
            self._tree = self._has_seen = False
        return seen

    def on_any_event(self, event: FileSystemEvent) -> None:
        with self._lock:
            if event.is_directory:
                self._tree = True
            elif isinstance(event, FileModifiedEvent):
                self._paths.add(Path(os.fsdecode(event.src_path)))
            else:
                self._names.update(Path(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path)
            self._has_seen = True
        self._wake()

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

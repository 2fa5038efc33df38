"""The agent's loop: one thread that wakes, looks at files, reads a chunk, publishes, and keeps the positions."""

from __future__ import annotations

import gc
import logging
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from logpost.agent import positions
from logpost.agent.delivery.publish import Publisher
from logpost.agent.delivery.topic import TopicMaker
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.file_set import Source
from logpost.agent.sources.file.tailer import Tailer
from logpost.agent.sources.journal.journal import Journal
from logpost.agent.wake import Wake
from logpost.config import Config, JournalSource
from logpost.errors import StartError

READY_SECONDS = 3.0
"""How long the start waits for the broker before it says that it is waiting."""
TICK_SECONDS = 0.25
SAVE_SECONDS = 1.0
BLOCKED_SECONDS = 0.05
IN_FLIGHT_SECONDS = 0.02
SCAN_GAP_SECONDS = 0.05
REST_SHARE = 20
"""Between scans, and between saves, passes at least this many times what the last one took."""
DRAIN_SECONDS = 10.0
"""How long a stop waits for acknowledgements; what is not acknowledged is sent again by the next start."""
GC_THRESHOLD = 200_000


@dataclass(slots=True)
class _Due:
    """When, in monotonic seconds, each periodic thing is done next."""

    scan: float = 0.0
    earliest_scan: float = 0.0
    tick: float = 0.0
    save: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All that an agent reads."""

    host: str
    files: Sequence[Source]
    journal: JournalSource | None


class Agent:
    """Ships what `sources` name until `stop` is called. The caller holds the lock on `directory`."""

    def __init__(self, config: Config, sources: Sources, directory: Path, counts: Counts, *, machine: str = "") -> None:
        """`machine`: see `machine_id`. Raises StartError when the saved positions cannot be used."""
        self._config = config
        self._files = sources.files
        self._log = logging.getLogger("agent")
        self._file = positions.PositionsFile(directory / "positions.json")
        saved_ns = self._file.written_ns()
        saved = positions.load_on(self._file, machine, _new_id)
        self._machine = saved.machine
        self._saved_journal = saved.journal
        """As it was saved last; kept for the day when the journal is configured again."""
        self._counts = counts
        self._stopped = threading.Event()
        self._wake = Wake()
        self._publisher = Publisher(config.kafka, max_in_flight=config.agent.max_in_flight, counts=counts)
        self._tailer = Tailer(
            sources.files,
            saved.files,
            sink=self._publisher,
            counts=counts,
            save=self._save_now,
            new_id=_new_id,
            partial_line_seconds=config.agent.partial_line_seconds,
            saved_ns=saved_ns,
        )
        self._journal = (
            Journal(
                sources.journal,
                saved.journal,
                host=sources.host,
                sink=self._publisher,
                counts=counts,
                save=self._save_now,
                new_id=_new_id,
                wake=self._wake.wake,
            )
            if sources.journal
            else None
        )
        self._topic = TopicMaker(config.kafka, self._wake.wake)
        self._due = _Due()
        self._can_save = True

    def stop(self) -> None:
        """Stop reading and end `run`; from any thread or signal handler."""
        self._stopped.set()
        self._wake.wake()

    def run(self) -> None:
        """Raises StartError when it is stopped while positions that are needed cannot be saved."""
        # Every record in flight is a few objects to the garbage collector, none of them garbage: at its default
        # thresholds it takes a microsecond a line.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        try:
            self._scan(time.monotonic())
            self._topic.made.wait(READY_SECONDS)
            self._say_ready()
            while not self._stopped.is_set():
                self._step()
            self._drain()
        finally:
            self._close()

    def _say_ready(self) -> None:
        servers, files = self._config.kafka.bootstrap_servers, self._tailer.files
        if self._topic.made.is_set():
            self._log.info("ready: %d files go to topic %s at %s", files, self._config.kafka.topic, servers)
        else:
            self._log.info("ready, waiting for the broker at %s; %d files", servers, files)

    def _step(self) -> None:
        may_read = self._topic.made.is_set() and self._publisher.has_room
        working = may_read and self._has_work
        if not may_read:
            self._publisher.poll(BLOCKED_SECONDS)  # returns with the next acknowledgement
        woken = self._wake.wait(self._idle_seconds() if may_read and not working else 0.0)
        now = time.monotonic()
        if woken.tree or self._tailer.wants_scan:
            self._due.scan = min(self._due.scan, self._due.earliest_scan)
        if now >= self._due.scan:
            self._scan(now)
        elif woken.names or woken.paths:
            self._tailer.touch(woken.names, woken.paths, now, time.time_ns())
        if may_read:
            self._read(now)
        self._publisher.poll()
        if now >= self._due.tick:
            self._due.tick = now + TICK_SECONDS
            if may_read:
                self._tailer.tick(now, time.time_ns())
            self._tailer.measure()
        if now >= self._due.save:
            self._save()
            end = time.monotonic()
            self._due.save = end + max(SAVE_SECONDS, REST_SHARE * (end - now))

    @property
    def _has_work(self) -> bool:
        return self._tailer.has_work or (self._journal is not None and self._journal.has_work)

    def _read(self, now: float) -> None:
        if self._tailer.has_work:
            self._tailer.turn(now, time.time_ns())
        if self._journal is not None:
            self._journal.turn(now, time.time_ns())

    def _idle_seconds(self) -> float:
        due = self._due
        seconds = min(due.scan, due.tick, due.save) - time.monotonic()
        return min(seconds, IN_FLIGHT_SECONDS) if self._counts.in_flight else seconds

    def _scan(self, now: float) -> None:
        for source in self._files:
            self._wake.watch(source.rules.watched())
        self._tailer.scan(now, time.time_ns())
        end = time.monotonic()
        self._due.earliest_scan = end + max(SCAN_GAP_SECONDS, REST_SHARE * (end - now))
        self._due.scan = max(end + self._config.agent.poll_seconds, self._due.earliest_scan)

    def _save(self) -> bool:
        """What cannot be saved is said once, and tried again."""
        journal = self._journal.position() if self._journal is not None else self._saved_journal
        if not self._tailer.may_have_moved and journal == self._saved_journal and self._can_save:
            return True
        files = self._tailer.positions(int(time.time()))
        try:
            self._file.save(positions.Saved(machine=self._machine, files=files, journal=journal))
        except OSError as error:
            if self._can_save:
                self._log.error("%s cannot be written: %s", self._file.path, error.strerror)
            self._can_save = False
            return False
        if not self._can_save:
            self._log.info("%s can be written again", self._file.path)
        self._can_save, self._saved_journal = True, journal
        return True

    def _save_now(self) -> None:
        """Nothing more is read until the positions are saved: else a crash would ship new files twice."""
        while not self._save():
            if self._stopped.is_set():
                raise StartError(f"stopped while {self._file.path} cannot be written; the next start reads on")
            self._publisher.poll()
            self._stopped.wait(SAVE_SECONDS)

    def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        if self._topic.made.is_set() and self._publisher.flush(DRAIN_SECONDS):
            self._tailer.finish(time.monotonic(), time.time_ns())
            self._publisher.flush(deadline - time.monotonic())
        self._save()
        if self._counts.in_flight:
            self._log.warning("%d records are not acknowledged; the next start sends them", self._counts.in_flight)

    def _close(self) -> None:
        self._topic.close()
        self._publisher.close()
        if self._journal is not None:
            self._journal.close()
        self._tailer.close()
        self._wake.close()


def _new_id() -> str:
    return secrets.token_hex(12)

"""The agent's loop: one thread that wakes, lets each source take a turn, publishes, and keeps the positions."""

from __future__ import annotations

import dataclasses
import gc
import logging
import math
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from logpost.agent.delivery.positions import Host, Place, PositionsFile
from logpost.agent.delivery.publish import Publisher
from logpost.agent.delivery.topic import TopicMaker
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.source import Begin, Rest, Source, SourceContext
from logpost.agent.wake import Wake
from logpost.agent.wanted import Wanted
from logpost.config import Config
from logpost.errors import StartError
from logpost.heap import Heap
from logpost.said_once import SaidOnce
from logpost.systemd.notices import Notices
from logpost.systemd.working import working

READY_SECONDS = 3.0
"""How long the start waits for the broker before it says that it is waiting."""
SAVE_SECONDS = 1.0
BLOCKED_SECONDS = 0.05
IN_FLIGHT_SECONDS = 0.02
"""How often to look for acknowledgements."""
LATE_SECONDS = 0.25
"""The same, when none has come for so long."""
LONGEST_WAIT_SECONDS = 60.0
REST_SHARE = 20
"""Between saves passes at least this many times what the last one took."""
DRAIN_SECONDS = 8.0
"""How long a stop waits for acknowledgements; what is not acknowledged is sent again by the next start."""
AWAY_SECONDS = 2.0
"""The same, where no broker answers."""
GC_THRESHOLD = 200_000
FLUSH_SECONDS = 2.0


class Agent:
    """Ships what its sources have until `stop` is called. The caller holds the lock on `directory`."""

    def __init__(
        self,
        config: Config,
        sources: Mapping[str, Begin],
        directory: Path,
        counts: Counts,
        *,
        host: Host | None = None,
        notices: Notices | None = None,
    ) -> None:
        """`sources`: by their ids. `host`: this one. `notices`: who hears that the loop turns. Raises
        StartError when the saved positions cannot be used."""
        self._config = config
        self._notices = notices or Notices()
        self._log = logging.getLogger("agent")
        self._positions = PositionsFile(directory / "positions.json", host or Host())
        places = {name: self._positions.place(name) for name in sources}
        self._rests: list[Rest] = []
        self._left: dict[str, msgspec.Raw] = {}
        """Where sources stood that are configured no more."""
        self._wanted: Wanted | None = None
        self._counts = counts
        self._stopped = threading.Event()
        self._wake = Wake()
        self._publisher = Publisher(config.kafka, max_in_flight=config.agent.max_in_flight, counts=counts)
        self._context = context = SourceContext(
            sink=self._publisher,
            counts=counts,
            save=self._save_now,
            new_id=lambda: secrets.token_hex(12),
            wake=self._wake.wake,
            turn=self._notices.turn,
        )
        self._sources = {name: begin(places[name], context) for name, begin in sources.items()}
        self._begin_new_streams(places.values())
        self._topic = TopicMaker(config.kafka, self._wake.wake)
        self._save_due = 0.0
        self._all_saved = False
        """Nothing has happened since the positions were saved: nobody need wake to save them."""
        self._heap = Heap(time.monotonic())
        self._acknowledged = 0
        self._said = SaidOnce(self._log)

    def stop(self) -> None:
        """Stop reading and end `run`; from any thread or signal handler."""
        self._stopped.set()
        self._wake.wake()

    def reconfigure(self, config: Config, begin: Mapping[str, Begin | None]) -> None:
        """Let new settings hold: `begin` is for each source that has others how it begins, None for one that is no
        more. Returns when they hold; from any thread but the loop's. Raises StartError, and then they do not."""
        self._wanted = wanted = Wanted(config, begin)
        self._wake.wake()
        wanted.await_done(is_stopped=self._stopped.is_set())

    def run(self) -> None:
        """Raises StartError when it is stopped while positions that are needed cannot be saved."""
        # Every record in flight is a few objects to the garbage collector, none of them garbage: at its default
        # thresholds it takes a microsecond a line.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        try:
            with working(self._notices, "looking for logs"):
                for source in self._sources.values():
                    source.look(time.monotonic(), time.time_ns())
            self._topic.made.wait(READY_SECONDS)
            self._say_ready()
            while not self._stopped.is_set():
                self._step()
            self._drain()
        finally:
            self._close()

    def _say_ready(self) -> None:
        servers, files = self._config.kafka.bootstrap_servers, self._counts.files
        if self._topic.made.is_set():
            ready = f"ready: {files} files go to topic {self._config.kafka.topic} at {servers}"
        else:
            ready = f"ready, waiting for the broker at {servers}; {files} files"
        self._log.info("%s", ready)
        self._notices.ready(ready)

    def _step(self) -> None:
        self._notices.turn()
        if self._wanted is not None:
            self._reconfigure(self._wanted)
        may_read = self._topic.made.is_set() and self._publisher.has_room
        working = may_read and any(source.has_work for source in self._readable())
        woken = self._wait(may_read=may_read, working=working)
        now = time.monotonic()
        for source in self._readable():
            source.look(now, time.time_ns())
            if may_read:
                source.turn(now, time.time_ns())
        self._rests = [rest for rest in self._rests if not rest.is_done]
        self._publisher.poll()
        if not (working or any(source.has_work for source in self._readable())):
            self._publisher.hurry(now)
        self._note_waiting(now, working=working)
        at_rest = not (woken or working or self._counts.in_flight)
        if now >= self._save_due:
            self._all_saved = self._save() and at_rest
            end = time.monotonic()
            self._save_due = end + max(SAVE_SECONDS, REST_SHARE * (end - now))
        elif not at_rest:
            self._all_saved = False
        if at_rest:
            self._heap.rests(now, self._counts.bytes)

    def _wait(self, *, may_read: bool, working: bool) -> bool:
        """For something to do; returns whether a source, or another thread, has said that there is."""
        if working:
            return self._wake.wait(0.0)
        if may_read:
            return self._wake.wait(self._idle_seconds())
        if not self._counts.in_flight:
            return self._wake.wait(min(SAVE_SECONDS, self._notices.turn_seconds))  # for the topic
        self._publisher.poll(BLOCKED_SECONDS)  # returns with the next acknowledgement
        return self._wake.wait(0.0)

    def _note_waiting(self, now: float, *, working: bool) -> None:
        """Since when nothing was acknowledged of what there is to send."""
        counts = self._counts
        if not (counts.in_flight or working or (counts.backlog_bytes and not self._topic.made.is_set())):
            counts.waiting_since = 0.0
        elif not counts.waiting_since or counts.acknowledged != self._acknowledged:
            counts.waiting_since = now
        self._acknowledged = counts.acknowledged

    def _idle_seconds(self) -> float:
        now, counts = time.monotonic(), self._counts
        longest = min(LONGEST_WAIT_SECONDS, self._notices.turn_seconds)
        if counts.in_flight:
            longest = IN_FLIGHT_SECONDS if now - counts.waiting_since < LATE_SECONDS else LATE_SECONDS
        due = min((source.due for source in self._readable()), default=math.inf)
        return min(longest, due - now, math.inf if self._all_saved else self._save_due - now)

    def _readable(self) -> list[Source | Rest]:
        return [*self._sources.values(), *self._rests]

    def _reconfigure(self, wanted: Wanted) -> None:
        """What is on its way is waited for a moment: what is not acknowledged then is sent again by the next source,
        and known by its range."""
        self._wanted = None
        if not wanted.claim():
            return
        if wanted.begin and self._topic.made.is_set():
            self._publisher.flush(FLUSH_SECONDS)
        self._publisher.max_in_flight = wanted.config.agent.max_in_flight
        try:
            for name, begin in wanted.begin.items():
                self._begin_again(name, begin)
        except StartError as error:
            wanted.error = error
        wanted.done.set()

    def _begin_again(self, name: str, begin: Begin | None) -> None:
        place = self._positions.place(name)
        if (left := self._left.get(name)) is not None:
            place = dataclasses.replace(place, cursor=left)
        before = self._sources.pop(name, None)
        if before is not None:
            handed_over = before.hand_over(int(time.time()))
            if handed_over.cursor is not None:
                place = dataclasses.replace(place, cursor=handed_over.cursor)
            if handed_over.rest is not None:
                self._rests.append(handed_over.rest)
        if place.cursor is not None:
            self._left[name] = place.cursor  # also where the next cannot begin
        if begin is not None:
            self._sources[name] = begin(place, self._context)
            self._begin_new_streams([place])
            self._left.pop(name, None)

    def _cursors(self) -> dict[str, msgspec.Raw]:
        now_s = int(time.time())
        found = {name: source.position(now_s) for name, source in self._sources.items()}
        return self._left | {name: cursor for name, cursor in found.items() if cursor is not None}

    def _begin_new_streams(self, places: Iterable[Place]) -> None:
        """Where a place is of another host. Durable before the first line is sent: else the next start would take
        other ones."""
        originals = sorted({place.original for place in places if place.original})
        if not originals:
            return
        self._log.warning("these positions are of %s: new streams begin where they end", " and ".join(originals))
        try:
            with self._notices.waiting_for_disk():
                self._positions.save(self._cursors())
        except OSError as error:
            raise StartError(f"cannot write the agent's positions {self._positions.path}: {error.strerror}") from error

    def _save(self) -> bool:
        """What cannot be saved is said once, and tried again."""
        try:
            with self._notices.waiting_for_disk():
                self._positions.save(self._cursors())
        except OSError as error:
            self._said.error("positions", "%s cannot be written: %s", self._positions.path, error.strerror)
            return False
        if self._said.over("positions"):
            self._log.info("%s can be written again", self._positions.path)
        return True

    def _save_now(self) -> None:
        """Nothing more is read until the positions are saved: else a crash would ship new files twice."""
        while not self._save():
            if self._stopped.is_set():
                raise StartError(f"stopped while {self._positions.path} cannot be written; the next start reads on")
            self._notices.turn()
            self._publisher.poll()
            self._stopped.wait(SAVE_SECONDS)

    def _drain(self) -> None:
        seconds = AWAY_SECONDS if self._publisher.is_away else DRAIN_SECONDS
        deadline = time.monotonic() + seconds
        if self._topic.made.is_set() and self._publisher.flush(seconds):
            for source in self._readable():
                source.finish(time.monotonic(), time.time_ns())
            self._publisher.flush(deadline - time.monotonic())
        self._save()
        if self._counts.in_flight:
            self._log.warning("%d records are not acknowledged; the next start sends them", self._counts.in_flight)

    def _close(self) -> None:
        self._topic.close()
        self._publisher.close()
        for source in self._readable():
            source.close()
        self._wake.close()

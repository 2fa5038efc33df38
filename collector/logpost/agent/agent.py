"""The agent's loop: one thread that wakes, lets each source take a turn, publishes, and keeps the positions."""

from __future__ import annotations

import gc
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from logpost.agent.delivery.positions import PositionsFile
from logpost.agent.delivery.publish import Publisher
from logpost.agent.delivery.topic import TopicMaker
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.source import Begin, SourceContext
from logpost.agent.wake import Wake
from logpost.config import Config
from logpost.errors import StartError
from logpost.said_once import SaidOnce

READY_SECONDS = 3.0
"""How long the start waits for the broker before it says that it is waiting."""
SAVE_SECONDS = 1.0
BLOCKED_SECONDS = 0.05
IN_FLIGHT_SECONDS = 0.02
REST_SHARE = 20
"""Between saves passes at least this many times what the last one took."""
DRAIN_SECONDS = 10.0
"""How long a stop waits for acknowledgements; what is not acknowledged is sent again by the next start."""
GC_THRESHOLD = 200_000


class Agent:
    """Ships what its sources have until `stop` is called. The caller holds the lock on `directory`."""

    def __init__(
        self, config: Config, sources: Mapping[str, Begin], directory: Path, counts: Counts, *, machine: str = ""
    ) -> None:
        """`sources`: by their ids. `machine`: see `machine_id`. Raises StartError when the saved positions cannot be
        used."""
        self._config = config
        self._log = logging.getLogger("agent")
        self._positions = PositionsFile(directory / "positions.json", machine)
        places = {name: self._positions.place(name) for name in sources}
        self._counts = counts
        self._stopped = threading.Event()
        self._wake = Wake()
        self._publisher = Publisher(config.kafka, max_in_flight=config.agent.max_in_flight, counts=counts)
        context = SourceContext(
            sink=self._publisher,
            counts=counts,
            save=self._save_now,
            new_id=lambda: secrets.token_hex(12),
            wake=self._wake.wake,
        )
        self._sources = {name: begin(places[name], context) for name, begin in sources.items()}
        if any(place.is_of_another_machine for place in places.values()):
            self._begin_new_streams()
        self._topic = TopicMaker(config.kafka, self._wake.wake)
        self._save_due = 0.0
        self._said = SaidOnce(self._log)

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
            self._log.info("ready: %d files go to topic %s at %s", files, self._config.kafka.topic, servers)
        else:
            self._log.info("ready, waiting for the broker at %s; %d files", servers, files)

    def _step(self) -> None:
        may_read = self._topic.made.is_set() and self._publisher.has_room
        working = may_read and any(source.has_work for source in self._sources.values())
        if not may_read:
            self._publisher.poll(BLOCKED_SECONDS)  # returns with the next acknowledgement
        self._wake.wait(self._idle_seconds() if may_read and not working else 0.0)
        now = time.monotonic()
        for source in self._sources.values():
            source.look(now, time.time_ns())
            if may_read:
                source.turn(now, time.time_ns())
        self._publisher.poll()
        if now >= self._save_due:
            self._save()
            end = time.monotonic()
            self._save_due = end + max(SAVE_SECONDS, REST_SHARE * (end - now))

    def _idle_seconds(self) -> float:
        due = min(self._save_due, *(source.due for source in self._sources.values()))
        seconds = due - time.monotonic()
        return min(seconds, IN_FLIGHT_SECONDS) if self._counts.in_flight else seconds

    def _cursors(self) -> dict[str, msgspec.Raw]:
        now_s = int(time.time())
        found = {name: source.position(now_s) for name, source in self._sources.items()}
        return {name: cursor for name, cursor in found.items() if cursor is not None}

    def _begin_new_streams(self) -> None:
        """Durable before the first line is sent: else the next start would take other ones."""
        self._log.warning("these positions are of another machine: new streams begin where they end")
        try:
            self._positions.save(self._cursors())
        except OSError as error:
            raise StartError(f"cannot write the agent's positions {self._positions.path}: {error.strerror}") from error

    def _save(self) -> bool:
        """What cannot be saved is said once, and tried again."""
        try:
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
            self._publisher.poll()
            self._stopped.wait(SAVE_SECONDS)

    def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        if self._topic.made.is_set() and self._publisher.flush(DRAIN_SECONDS):
            for source in self._sources.values():
                source.finish(time.monotonic(), time.time_ns())
            self._publisher.flush(deadline - time.monotonic())
        self._save()
        if self._counts.in_flight:
            self._log.warning("%d records are not acknowledged; the next start sends them", self._counts.in_flight)

    def _close(self) -> None:
        self._topic.close()
        self._publisher.close()
        for source in self._sources.values():
            source.close()
        self._wake.close()

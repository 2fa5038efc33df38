"""The indexer's thread: consume, plan, insert, account for it in the store, and only then commit.

Killed between any two of these steps it starts again where the store's account ends and recognises in the store what it
has inserted since. What is committed only tells others how far it is.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from confluent_kafka import KafkaException

from logpost.config import Config, StoreConfig
from logpost.errors import LogpostError
from logpost.said_once import SaidOnce
from logpost.systemd.notices import Loop, Notices
from logpost_web.indexer.account import Account
from logpost_web.indexer.block import seconds_to_fill
from logpost_web.indexer.intake import Intake
from logpost_web.indexer.manifest import kafka_id
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.progress import Pause, Progress
from logpost_web.indexer.received import Stretch
from logpost_web.indexer.retention_state import RetentionState, Waiting
from logpost_web.indexer.source import FencedError, Source
from logpost_web.indexer.tries import RETRY_SECONDS, Tries
from logpost_web.indexer.upkeep import Upkeep
from logpost_web.store.store import Store

CONSUME_ROWS = 10_000
CONSUME_SECONDS = 0.1
QUIET_SECONDS = 5.0
"""When nothing has come for so long, it waits longer for the next message, but not for those behind it."""
QUIET_CONSUME_SECONDS = 0.5
FENCED_SECONDS = 60.0
"""Fenced a second time within this time, it leaves its place in the group to the other consumer."""

UNKNOWN = "no partition is read yet: what the store lacks is not known"

log = logging.getLogger("indexer")


class Indexer:
    """Reads `store.topics` into the store from `start()` to `stop()`. The broker may come and go."""

    def __init__(self, config: Config, store: Store, loop: Loop | None = None) -> None:
        """`loop`: who is told of its turns."""
        self._loop = loop or Notices().loop()
        self._config = config.store
        self._servers = config.kafka.bootstrap_servers
        self._store = store
        self._account = Account(store, config.kafka)
        self._source = Source(config, store.directory, self._begin)
        self._upkeep = Upkeep(config, store, self._account, self._source, self._loop, self._say_damage)
        self._retaining, self._mending = self._upkeep.retaining, self._upkeep.mending
        self.deleting, self.errands, self.moving = self._upkeep.deleting, self._upkeep.errands, self._upkeep.moving
        self._rebuild_wanted = threading.Event()
        self.backups = config.store.backups
        """Below which directory backups may be restored by HTTP; empty for none."""
        self.failure = ""
        self._last_insert = self._fenced_until = self._received_at = 0.0
        self._came = 0
        self._progress = Progress()
        self._pause(UNKNOWN)
        self._stopping = threading.Event()
        self._tries = Tries(self._stopping, self._help, self._store.explained, self._pause, self._loop)
        self._intake = Intake(config, store, self._source, self._account, self._tries, self._retaining.placing)
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    def reconfigure(self, config: StoreConfig) -> None:
        """Sizes and limits hold from the next messages on. Any thread."""
        self._retaining.reconfigure(config)
        self._store.reserve_bytes = config.disk_reserve_bytes
        self._config = config
        self._intake.reconfigure(config)

    def start(self, on_failure: Callable[[], None] = lambda: None) -> None:
        """`on_failure` is called, in the indexer's thread, when it cannot go on; `failure` then says why."""
        self._on_failure = on_failure
        self._thread.start()

    def stop(self) -> None:
        """Insert and commit what was read, leave, and wait for the end."""
        self._stopping.set()
        self._thread.join()

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, and read."""
        return self._thread.is_alive() and bool(self._source.assigned) and not self._source.away

    @property
    def store(self) -> Store:
        return self._store

    def topic_id_at(self, partition: PartitionKey, offset: int) -> str:
        """The id under which the record is stored that the topic has now; empty for a partition that is not read here.
        Any thread."""
        reading = self._account.readings.get(partition)
        return reading.manifest.topic_id_at(offset) if reading else ""

    def log_start(self, partition: PartitionKey, topic_id: str) -> int | None:
        """The first offset that the topic of this id had when it was last looked at; None for what is not read here.
        Any thread."""
        reading = self._account.readings.get(partition)
        is_it = reading is not None and kafka_id(reading.manifest.newest.topic_id) == kafka_id(topic_id)
        return reading.log_start if reading is not None and is_it else None

    @property
    def retention(self) -> RetentionState:
        """Any thread."""
        return self._retaining.state

    def confirm_retention(self) -> Waiting | None:
        """What retention waits with is meant; returns it. Any thread."""
        return self._retaining.confirm()

    def progress(self) -> Progress:
        """Any thread; at most about QUIET_CONSUME_SECONDS old."""
        return self._progress

    def _run(self) -> None:
        try:
            self._tries.until_done(self._mending.say_broken)
            self._tries.until_done(self._retaining.settle)
            self._await_broker()
            while not self._stopping.is_set():
                try:
                    self._step()
                except FencedError as error:
                    self._take_back(error)
            self._flush()
        except Exception as error:
            if not isinstance(error, LogpostError):  # which says it all
                log.exception("the indexer cannot go on")
            self.failure = str(error)
            self._on_failure()
        finally:
            self._loop.ended()
            self._source.close()

    def _take_back(self, error: FencedError) -> None:
        """Join the group again: a broker that paused, or was killed before it had written down who joined, takes this
        member for another one. Raises the error when it comes a second time soon after."""
        now = time.monotonic()
        if now < self._fenced_until:
            raise error
        self._fenced_until = now + FENCED_SECONDS
        log.warning("the broker takes this store's place in the group for another consumer's: joining again")
        self._source.take_back()

    def _await_broker(self) -> None:
        said = SaidOnce(log)
        while not self._stopping.is_set():
            self._loop.turned()
            try:
                self._source.subscribe()
            except KafkaException as error:
                why = self._source.cause() or error.args[0].str()
                said.warn("broker", "waiting for the broker at %s: %s", self._servers, why)
                self._retain()
                self._upkeep.move()
                self._upkeep.run_errands()
                self._upkeep.delete(is_away=True)
                self._stopping.wait(RETRY_SECONDS)
            else:
                return

    def _step(self) -> None:
        upkeep = self._upkeep
        upkeep.mend()
        if not self._account.is_open():
            self._retain()
            upkeep.move()
            upkeep.delete(is_away=self._source.away)
        if self.errands.are_waiting:
            self._flush()
            if not self._account.is_open():
                upkeep.run_errands()
        if self._rebuild_wanted.is_set() and not upkeep.is_mended and not self._store.reads_older:
            self._say_damage("the store is being rebuilt")
            upkeep.is_mended = self._tries.until_done(self._store.begin_rebuild)
        if upkeep.is_rebuilding and self._account.has_all(self._source.ends):
            upkeep.is_mended |= self._tries.until_done(self._account.finish_rebuild)
        if upkeep.is_mended:
            self._source.look_again()
            self._rebuild_wanted.clear()
            upkeep.is_mended = False
            self._publish_progress()
        self._intake.take(self._messages(), int(time.time()))
        self._intake.passage.clear_the_way(time.monotonic())
        wait = seconds_to_fill(self._config, self._progress.behind, self._came)
        if self._intake.block.is_full or time.monotonic() - self._last_insert >= wait:
            self._flush()
        self._publish_progress()

    def _messages(self) -> list[Stretch]:
        block, now = self._intake.block, time.monotonic()
        is_quiet = not block and now - self._received_at >= QUIET_SECONDS
        room = max(1, min(CONSUME_ROWS, block.room))
        messages = self._source.consume(room, CONSUME_SECONDS, QUIET_CONSUME_SECONDS if is_quiet else 0.0)
        self._came = sum(len(stretch.offsets) for stretch in messages)
        if messages:
            self._received_at = now
        return messages

    def _flush(self) -> None:
        """Insert the block, account for it, then commit."""
        if not self._account.is_open():
            return
        self._last_insert = time.monotonic()
        # Before rows come, what went is counted out; and once more, because some may go while that is tried.
        steps = (self._check_topics, self._retaining.settle, self._insert)
        if not all(self._tries.until_done(step) for step in steps):
            return
        if not self._intake.passage.explain_gaps() or not self._tries.until_done(self._retaining.settle):
            return
        self._account.close_block()
        if self._tries.until_done(self._account.save):
            self._source.commit(self._account.take_commits())
        self._intake.trim()

    def _insert(self) -> None:
        self._store.check_room()
        self._intake.block.insert()

    def _check_topics(self) -> None:
        """What was read from a topic is inserted under that topic's id, or not at all."""
        if self._source.topics_were_made_again():
            log.warning("a topic was deleted or made again: reading it from its start")
            self._source.begin_again()
            self._intake.forget()

    def _retain(self) -> None:
        """Some of the block may be in the store and is not accounted for: nothing of its units goes."""
        self._upkeep.retain(self._intake.block.units)

    def _help(self) -> None:
        """Something failed: for damage, perhaps, or for want of room."""
        self._upkeep.mend()
        self._retain()
        self._upkeep.move()

    def rebuild(self) -> None:
        """Fill the store again from the topics, as soon as possible. Any thread."""
        self._rebuild_wanted.set()

    @property
    def is_rebuilding(self) -> bool:
        return self._rebuild_wanted.is_set() or self._upkeep.is_rebuilding

    @property
    def is_mending(self) -> bool:
        """Whether rows may be missing that nobody has counted yet."""
        return self._upkeep.is_mended

    def _say_damage(self, what: str) -> None:
        """No answer says that all is well until the store was compared with what it should have."""
        self._pause(f"{what}: looking for what it lacks")
        self._progress = dataclasses.replace(self._progress, damages=self._progress.damages + 1)

    def _pause(self, reason: str) -> None:
        """The last reason of a pause is told, and when it began."""
        since_ns = self._progress.paused.since_ns if self._progress.paused else time.time_ns()
        self._progress = dataclasses.replace(self._progress, paused=Pause(since_ns=since_ns, reason=reason))

    def _begin(self, partitions: Collection[PartitionKey]) -> Mapping[PartitionKey, int] | None:
        """Where to read these partitions from, which are all that are read from now on. What was read and not
        inserted comes again, to the member that has its partition now."""
        self._intake.forget()
        begins: dict[PartitionKey, int] = {}
        if partitions and not (
            self._tries.until_done(self._retaining.settle) and self._tries.until_done(self.deleting.settle)
        ):
            return None
        if partitions and not self._tries.until_done(
            lambda: begins.update(self._account.begin(self._source.bounds(partitions), self._source.topics.ids))
        ):
            return None
        if partitions and self._account.is_whole:
            self._tries.until_done(self._mending.clear)
        self._publish_progress()
        return begins if self._tries.until_done(self._upkeep.look_for_rebuild) else None

    def _publish_progress(self) -> None:
        if not self._tries.until_done(self._finish_refills):
            return
        log_ends = {key: self._source.end_offset(key) for key in self._account.readings}
        progress = self._account.progress(self._source.ends, log_ends)
        # Until the store was compared (again) the partitions tell of what it had, or of nothing.
        is_compared = self._account.readings and not self._upkeep.is_mended
        paused = None if is_compared else self._progress.paused
        self._progress = dataclasses.replace(progress, paused=paused, damages=self._progress.damages)
        if not self._account.readings and paused is None:
            self._pause(UNKNOWN)

    def _finish_refills(self) -> None:
        if self._account.finish_refills(self._source.ends, is_rebuilding=self._upkeep.is_rebuilding):
            self._mending.clear()

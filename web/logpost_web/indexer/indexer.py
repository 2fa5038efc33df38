"""The indexer's thread: consume, plan, insert, and only then commit.

Killed between any two of these steps it starts again at the committed offset and recognises in the store what it has
inserted since.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from confluent_kafka import KafkaException

from logpost.config import Config
from logpost_web.indexer import metrics
from logpost_web.indexer.block_writer import missing, write
from logpost_web.indexer.lines import Lines
from logpost_web.indexer.lives import Lives
from logpost_web.indexer.planner import PartitionKey, Plan, Planner
from logpost_web.indexer.progress import PartitionProgress, Progress
from logpost_web.indexer.row import Position, Row, to_row
from logpost_web.indexer.source import Received, Source
from logpost_web.indexer.stored import stored_lines, stored_offsets, stored_ranges
from logpost_web.store.store import QueryError, Store

CONSUME_ROWS = 10_000
CONSUME_SECONDS = 0.1
RETRY_SECONDS = 1.0

log = logging.getLogger("indexer")


class Indexer:
    """Reads `store.topics` into the store from `start()` to `stop()`. The broker may come and go."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config.store
        self._servers = config.kafka.bootstrap_servers
        self._store = store
        self._planner = Planner()
        self._lives = Lives()
        self._source = Source(config, store.directory, self._on_rebalance)
        self._rows: list[Row] = []
        self._bytes = 0
        self._next_offsets: dict[PartitionKey, int] = {}
        self._indexed: dict[PartitionKey, int] = {}
        self._taken_ns: dict[PartitionKey, int] = {}
        self._indexed_ns: dict[PartitionKey, int] = {}
        self.failure = ""
        self._failed = False
        self._last_insert = 0.0
        self._progress = Progress()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

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

    def progress(self) -> Progress:
        """Any thread; at most about CONSUME_SECONDS old."""
        return self._progress

    def _run(self) -> None:
        try:
            self._await_broker()
            while not self._stopping.is_set():
                self._step()
            self._flush()
        except Exception as error:
            log.exception("the indexer cannot go on")
            self.failure = str(error)
            self._on_failure()
        finally:
            self._source.close()

    def _await_broker(self) -> None:
        said = False
        while not self._stopping.is_set():
            try:
                self._source.subscribe()
            except KafkaException as error:
                if not said:
                    log.warning("waiting for the broker at %s: %s", self._servers, error.args[0].str())
                said = True
                self._stopping.wait(RETRY_SECONDS)
            else:
                return

    def _step(self) -> None:
        room = max(1, min(CONSUME_ROWS, self._config.block_rows - len(self._rows)))
        self._take(self._source.consume(room, CONSUME_SECONDS))
        full = len(self._rows) >= self._config.block_rows or self._bytes >= self._config.block_bytes
        if full or time.monotonic() - self._last_insert >= self._config.block_seconds:
            self._flush()
        self._publish_progress()

    def _take(self, messages: Sequence[Received]) -> None:
        now = int(time.time())
        rows: list[Row] = []
        for message in messages:
            key, offset, timestamp_ns, value = message
            if not self._planner.is_continued(key, offset):
                self._plan(rows)
                rows = []
                if not self._retried(partial(self._learn_partition, key, offset)):
                    return
            position = Position(*key, self._source.topic_id(key[0]), offset, timestamp_ns)
            rows.append(to_row(value, position, now))
            self._bytes += len(value or b"")
            self._taken_ns[key] = timestamp_ns
        self._plan(rows)

    def _learn_partition(self, key: PartitionKey, offset: int) -> None:
        topic_id = self._source.topic_id(key[0])
        self._planner.learn_partition(key, offset, stored_offsets(self._store, *key, topic_id, offset))

    def _plan(self, rows: Sequence[Row]) -> None:
        streams = self._planner.unknown_streams(rows)
        if streams and not self._retried(lambda: self._planner.learn_streams(stored_ranges(self._store, streams))):
            return
        plan = self._planner.plan(rows)
        if plan.suspects and not self._retried(partial(self._settle, plan)):
            return
        self._rows += plan.rows
        for row in rows:
            self._next_offsets[row.Topic, row.Partition] = row.Offset + 1
        metrics.KNOWN_OFFSETS.inc(plan.known_offsets)
        metrics.KNOWN_RANGES.inc(plan.known_ranges)
        self._lives.tell(plan.conflicts)

    def _settle(self, plan: Plan) -> None:
        """Compare what is known already with what the store and the block have there."""
        known = Lines(plan.places())
        for line in stored_lines(self._store, plan.places()):
            known.add(line)
        for row in self._rows:
            known.add_row(row)
        plan.settle(known)

    def _flush(self) -> None:
        """Insert the block, then commit."""
        if not self._next_offsets:
            return
        self._last_insert = time.monotonic()
        if not self._retried(self._check_topics) or not self._retried(self._insert):
            return
        self._source.commit(self._next_offsets)
        self._indexed.update(self._next_offsets)
        self._indexed_ns.update(self._taken_ns)
        self._next_offsets = {}
        self._planner.trim()

    def _check_topics(self) -> None:
        """What was read from a topic is inserted under that topic's id, or not at all."""
        if self._source.topics_were_made_anew():
            log.warning("a topic was deleted or made anew: reading it from its start")
            self._source.begin_again()
            self._on_rebalance()

    def _insert(self) -> None:
        """The block as far as the store lacks it: a try that failed may have inserted some of it."""
        with metrics.INSERT_SECONDS.time():
            if self._failed:
                self._rows = missing(self._store, self._rows)
            write(self._store, self._rows)
        metrics.ROWS.inc(len(self._rows))
        self._rows = []
        self._bytes = 0

    def _retried(self, call: Callable[[], None]) -> bool:
        """Try until it works; False when it is time to stop before. Nothing is committed meanwhile, so nothing is
        lost."""
        while True:
            try:
                call()
            except (QueryError, KafkaException) as error:
                metrics.FAILURES.inc()
                if not self._failed:
                    log.error("trying again every %g s: %s", RETRY_SECONDS, error)
                self._failed = True
                if self._stopping.wait(RETRY_SECONDS):
                    return False
            else:
                if self._failed:
                    log.info("it works again")
                self._failed = False
                return True

    def _on_rebalance(self) -> None:
        """What was read and not inserted comes again, to whoever has its partition now."""
        self._planner.forget()
        self._rows = []
        self._bytes = 0
        self._next_offsets = {}
        self._indexed = {key: max(offset, 0) for key, offset in self._source.assigned.items()}

    def _publish_progress(self) -> None:
        partitions = tuple(
            PartitionProgress(
                topic=topic,
                partition=partition,
                next_offset=(next_offset := self._next_offset((topic, partition), indexed)),
                end_offset=max(next_offset, self._source.end_offset((topic, partition))),
                indexed_until_ns=self._indexed_ns.get((topic, partition), 0),
            )
            for (topic, partition), indexed in sorted(self._indexed.items())
        )
        self._progress = Progress(partitions=partitions)
        metrics.BEHIND.set(sum(part.end_offset - part.next_offset for part in partitions))

    def _next_offset(self, key: PartitionKey, indexed: int) -> int:
        """At the end of a partition what follows the last record is nothing to index either."""
        return indexed if key in self._next_offsets else max(indexed, self._source.ends.get(key, 0))

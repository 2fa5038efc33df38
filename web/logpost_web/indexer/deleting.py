"""Deletions in the indexer's thread, between blocks: asked for here, or in the topic by another web."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future

import msgspec
from confluent_kafka import KafkaException, TopicPartition

from logpost.config import KafkaConfig
from logpost.said_once import SaidOnce
from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.learning import Learning
from logpost_web.deletion.record import PART_ROWS, Header
from logpost_web.deletion.topic import TOPIC, DeletionTopic
from logpost_web.indexer import metrics
from logpost_web.indexer.errands import Errands
from logpost_web.indexer.topics import Topics
from logpost_web.store import deleted
from logpost_web.store.deleted import DeletedRow
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

LOOK_SECONDS = 1.0
FOLLOW_SECONDS = 30.0
"""How often the topic is asked for what another web deleted."""

log = logging.getLogger("deletion")


class Deleting:
    """Used by the indexer's thread, but for `accept`, `cancel`, `all` and `get`."""

    def __init__(self, store: Store, config: KafkaConfig, topics: Topics) -> None:
        self._store = store
        self._topics = topics
        self._topic = DeletionTopic(config)
        self._book = Book(store.directory)
        self._erasing = Erasing(store, self._book)
        self._learning = Learning(store, self._book, self._erasing)
        self.counting = Counting(store)
        """What may be accepted. Any thread."""
        self._errands = Errands(LookupError, ValueError)
        self._said = SaidOnce(log)
        self._next_look = self._next_follow = self._next_record = float("-inf")
        self._seen_end = -1
        self._is_begun = False

    def all(self) -> list[Deletion]:
        """Copies, in the order in which they were asked for."""
        return [msgspec.structs.replace(one) for one in self._book.all()]

    def get(self, deletion: str) -> Deletion | None:
        found = self._book.get(deletion)
        return None if found is None else msgspec.structs.replace(found)

    def accept(self, deletion: Deletion) -> Future[Deletion]:
        """What was matched under its id is to go. The answer comes when no statement sees it any more, or when that
        failed (`waiting`); cancelled before it was begun nothing happens."""

        def work() -> Deletion:
            self._erasing.accept(deletion, _now_ms())
            return msgspec.structs.replace(deletion)

        return self._errands.put(work)

    def cancel(self, deletion: str) -> Future[Deletion]:
        """Raises, in the answer, KeyError for one that is not known, ValueError for one that is done."""

        def work() -> Deletion:
            found = self._book.get(deletion)
            if found is None:
                raise KeyError(deletion)
            if found.state == "done":
                raise ValueError(deletion)
            if found.state != "cancelled":
                found = self._erasing.cancel(found, _now_ms())
            return msgspec.structs.replace(found)

        return self._errands.put(work)

    def settle(self) -> None:
        """Learn what is deleted before anything is read, and hide what is seen of it. Raises QueryError,
        KafkaException."""
        try:
            self._settle()
        except OSError as error:
            raise QueryError(f"cannot write down what is deleted: {error.strerror}") from error
        self._erasing.lacks_rows = False

    def _settle(self) -> None:
        self._begin()
        self._seen_end = -1  # the store may have lost what it knew
        self._follow()
        self._erasing.adopt(_now_ms())
        self._erasing.settle(_now_ms())

    def _begin(self) -> None:
        if not self._is_begun:
            self._erasing.begin(_now_ms())
            self.counting.forget_left([one.id for one in self._book.all() if one.is_open and not one.is_counted_out])
            self._is_begun = True

    def look(self, now: float, *, is_away: bool) -> bool:
        """Do what is asked, and go on with what is under way. `now`: seconds of a clock that never goes back;
        `is_away`: no broker answers. Whether the store now lacks rows, which are to be read again."""
        if self._errands.are_waiting:
            self._errands.run()
            self._next_look = now
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            try:
                self._go_on(now, is_away=is_away)
                self._said.over("store")
            except (QueryError, OSError) as error:
                self._said.error("store", "deletions do not go on: %s", error)
            except KafkaException as error:
                self._next_record = now + FOLLOW_SECONDS
                self._said.warn("broker", "what is deleted cannot be written to %s yet: %s", TOPIC, error.args[0].str())
        lacks, self._erasing.lacks_rows = self._erasing.lacks_rows, False
        return lacks

    def _go_on(self, now: float, *, is_away: bool) -> None:
        if not self._is_begun:  # no broker came yet, which it need not for what the store knows
            self._begin()
            self._erasing.settle(_now_ms())
        if not self._store.reads_older and self._erasing.step(_now_ms()):  # else some files would be left
            self._next_look = now  # small files are written again in less than LOOK_SECONDS
        metrics.DELETIONS_OPEN.set(sum(one.is_open for one in self._book.all()))
        metrics.DELETIONS_UNREAD.labels("topic").set(self._learning.unread)
        metrics.DELETIONS_UNREAD.labels("file").set(self._book.unread)
        metrics.DELETIONS_FAILED.set(sum(one.state == "failed" for one in self._book.all()))
        if is_away or now < self._next_record:
            for one in self._book.all():
                one.waits_for_topic()
            return
        self._record(now)
        if now >= self._next_follow:
            self._follow()
            self._next_follow = now + FOLLOW_SECONDS

    def _record(self, now: float) -> None:
        """Write to the topic one that it does not know; at the next look, which is soon, the next. Raises
        KafkaException, OSError, and QueryError where none of them can be read."""
        failed: QueryError | None = None
        for one in self._book.all():
            if one.is_to_be_recorded:
                try:
                    self._topic.write(_header(one), self._parts(one))
                except QueryError as error:
                    failed = error
                else:
                    one.is_recorded = True
                    self._book.save()
                    self._next_look = now
                    self._said.over("broker")
                    return
        if failed is not None:
            raise failed

    def _parts(self, deletion: Deletion) -> Iterable[list[DeletedRow]]:
        return deleted.rows(self._store, deletion.id, PART_ROWS) if deletion.holds else ()

    def _follow(self) -> None:
        """Take over what the topic has and the store has not. Raises KafkaException, QueryError, OSError."""
        if not self._topics.ids([TOPIC])[TOPIC]:
            if any(one.is_recorded for one in self._book.all()):  # it was there
                self._learning.learn(lambda: (), _now_ms())
            return
        end = self._topics.ends([TopicPartition(TOPIC, 0)])[TOPIC, 0]
        if end != self._seen_end:
            self._learning.learn(self._topic.records, _now_ms())
            self._seen_end = end


def _header(deletion: Deletion) -> Header:
    return Header(
        id=deletion.id,
        rows=deletion.places or deletion.matched,
        created_ms=deletion.created_ms,
        who=deletion.who,
        kept=deletion.kept,
        is_cancelled=not deletion.holds,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""Kafka Streams' word count, of `java/WordCount.java`: what goes in, and what has to come out."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from tests.interop.topics import SECONDS, create, producer, records

LINES, COUNTS = "lines", "counts"
REPARTITION, CHANGELOG = "word-count-word-repartition", "word-count-count-changelog"
PARTITIONS = 2
EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the library has no types here
LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
COMMITTED = IsolationLevel.READ_COMMITTED
A_BATCH = 300
POLLS_A_BATCH = 50
PATIENCE_SECONDS = 180.0
"""Several Java machines start on few cores."""


class Words:
    """The topics of a word count, and what went in."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.connect()
        self.fed: Counter[str] = Counter()
        self._lines = 0
        create(servers, LINES, PARTITIONS)
        create(servers, COUNTS, PARTITIONS)

    def connect(self) -> None:
        """Again, when the broker was away: librdkafka finds no leaders until it has asked again."""
        self.admin = AdminClient({"bootstrap.servers": self.servers})

    def feed(self) -> None:
        """A batch of lines: some words in each of them, some seldom."""
        with producer(self.servers) as made:
            for _ in range(A_BATCH):
                self._lines += 1
                line = f"each seventh{self._lines % 7} hundredth{self._lines % 100} each"
                self.fed.update(line.split())
                made.produce(LINES, line.encode(), key=str(self._lines).encode())

    def offset(self, topic: str, spec: OffsetSpec, isolation: IsolationLevel = COMMITTED) -> int:
        """The sum of all partitions' offsets."""
        asked = {TopicPartition(topic, number): spec for number in range(PARTITIONS)}
        answers = self.admin.list_offsets(asked, isolation_level=isolation, request_timeout=SECONDS)
        return sum(answer.result(SECONDS).offset for answer in answers.values())

    def end(self) -> int:
        return self.offset(COUNTS, LATEST)

    def has_more_than(self, end: int) -> bool:
        return self.end() > end

    def is_in_transaction(self) -> bool:
        return self.end() < self.offset(COUNTS, LATEST, IsolationLevel.READ_UNCOMMITTED)

    def is_purged(self) -> bool:
        """What has passed the topic between the two halves of the count is gone from it."""
        return self.offset(REPARTITION, EARLIEST) >= self.fed.total()

    def cleanup_policy(self, topic: str) -> object:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        [described] = self.admin.describe_configs([resource]).values()
        return described.result(SECONDS)["cleanup.policy"].value

    def committed(self) -> dict[str, list[int]]:
        """The counts of each word, in the order of their partition."""
        counts = defaultdict(list)
        for record in records(self.servers, COUNTS):
            counts[(record.key or b"").decode()].append(int.from_bytes(record.value or b"", "big"))
        return counts

    def are_counted(self) -> bool:
        return sum(map(len, self.committed().values())) >= self.fed.total()

    def check(self) -> None:
        """Each word was counted one by one: no count is missing, none is there twice."""
        assert self.committed() == {word: list(range(1, times + 1)) for word, times in self.fed.items()}


def await_transaction(words: Words, log: Path) -> None:
    """Until the counts of a transaction that is not committed are seen: it passes, so there must always be more to
    count."""
    polls = 0

    def is_seen() -> bool:
        nonlocal polls
        polls += 1
        if polls % POLLS_A_BATCH == 0:
            words.feed()
        return words.is_in_transaction()

    await_that(is_seen, log)


def await_that(is_so: Callable[[], bool], log: Path, pause: float = 0.0) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()[-5000:]
        time.sleep(pause)

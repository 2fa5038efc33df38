"""Kafka Streams' word count with `exactly_once_v2`, killed in the middle of transactions: each count is there once."""

from __future__ import annotations

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from logpost_broker import Broker
from tests.interop.java_program import compiled, running
from tests.interop.topics import SECONDS, create, producer, records

LINES, COUNTS = "lines", "counts"
REPARTITION, CHANGELOG = "word-count-word-repartition", "word-count-count-changelog"
PARTITIONS = 2
EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the library has no types here
LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
COMMITTED = IsolationLevel.READ_COMMITTED
A_BATCH = 300


@pytest.fixture(scope="module")
def class_path(libs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled("WordCount", libs, tmp_path_factory.mktemp("word-count"))


class Words:
    """The topics of a word count, and what went in."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.fed: Counter[str] = Counter()
        self._lines = 0
        create(servers, LINES, PARTITIONS)
        create(servers, COUNTS, PARTITIONS)

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


def await_that(is_so: Callable[[], bool], log: Path, pause: float = 0.0) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()[-5000:]
        time.sleep(pause)


@pytest.fixture
def words(broker: Broker) -> Iterator[Words]:
    yield Words(broker.bootstrap_servers)


def settings(words: Words, state: Path, **more: object) -> list[str]:
    """Of the library; `_` stands for `.` in a name."""
    values = {
        "bootstrap_servers": words.servers,
        "processing_guarantee": "exactly_once_v2",
        "state_dir": state,
        "consumer_session_timeout_ms": 6000,
        "consumer_heartbeat_interval_ms": 500,
        **more,
    }
    return [f"{name.replace('_', '.')}={value}" for name, value in values.items()]


def test_killed_in_transactions_it_counts_each_word_once(words: Words, class_path: str, tmp_path: Path) -> None:
    """A static member, which takes its own place over. Every other life begins without the state that the last one
    left: it is restored from the changelog, and the open transaction of the last one waits for its timeout."""
    state, log = tmp_path / "state", tmp_path / "log"
    timing = {"commit_interval_ms": 200, "transaction_timeout_ms": 2000, "repartition_purge_interval_ms": 200}
    options = settings(words, state, group_instance_id="only", **timing)
    for kill in range(3):
        words.feed()
        with running(class_path, "WordCount", *options, log=log):
            await_that(partial(words.has_more_than, words.end()), log)
            words.feed()
            await_that(words.is_in_transaction, log)
        if kill == 1:
            shutil.rmtree(state)
    with running(class_path, "WordCount", *options, log=log) as process:
        await_that(words.are_counted, log, 0.2)
        await_that(words.is_purged, log, 0.2)
        process.terminate()
        process.wait(SECONDS)
    words.check()
    assert words.cleanup_policy(CHANGELOG) == "compact"
    assert words.cleanup_policy(REPARTITION) == "delete"


def test_another_member_goes_on_with_its_standby(words: Words, class_path: str, tmp_path: Path) -> None:
    logs = [tmp_path / "log-0", tmp_path / "log-1"]
    options = [settings(words, tmp_path / f"state-{number}", num_standby_replicas=1) for number in range(2)]
    with running(class_path, "WordCount", *options[0], log=logs[0]) as first:
        words.feed()
        await_that(words.are_counted, logs[0], 0.2)
        with running(class_path, "WordCount", *options[1], log=logs[1]) as second:
            await_that(lambda: "RUNNING" in logs[1].read_text(), logs[1], 0.05)
            words.feed()
            await_that(words.are_counted, logs[1], 0.2)
            words.feed()
            await_that(words.is_in_transaction, logs[0])
            first.kill()
            await_that(words.are_counted, logs[1], 0.2)
            second.terminate()
            second.wait(SECONDS)
    words.check()

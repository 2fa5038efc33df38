"""quixstreams: a word count killed again and again, half the times with its state on the disk lost, counts exactly."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

SERVERS = os.environ["BOOTSTRAP_SERVERS"]
SECONDS = 120.0
SENTENCES, WORDS_OF_SENTENCE = 400, 5
VOCABULARY = ("letter", "stamp", "parcel", "postman", "box", "bell", "street", "horn")
KILLS = 4
PARTITIONS = 2


def fact(what: str, value: object) -> None:
    print(f"{what}: {value}", flush=True)


def sentences() -> list[str]:
    """The same in each run."""
    chosen = random.Random(5)
    return [" ".join(chosen.choices(VOCABULARY, k=WORDS_OF_SENTENCE)) for _ in range(SENTENCES)]


def create_topics(admin: AdminClient) -> None:
    new = [NewTopic(name, PARTITIONS, 1) for name in ("sentences", "counts")]
    for future in admin.create_topics(new).values():
        future.result(SECONDS)


def produce(texts: list[str]) -> None:
    producer = Producer({"bootstrap.servers": SERVERS, "enable.idempotence": True})
    for number, text in enumerate(texts):
        producer.produce("sentences", text, key=str(number), partition=number % PARTITIONS)
    producer.flush()


class Counts:
    """What readers of committed messages see of `counts`: the counts of each word, in order."""

    def __init__(self) -> None:
        self.of_word: dict[str, list[int]] = defaultdict(list)
        self._consumer = Consumer(
            {"bootstrap.servers": SERVERS, "group.id": "unused", "isolation.level": "read_committed", "log_level": 0}
        )
        places = [TopicPartition("counts", partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)]
        self._consumer.assign(places)

    def await_total(self, total: int, processor: subprocess.Popen[bytes]) -> bool:
        """Until so many were seen; False when they do not come, or the processor ends."""
        deadline = time.monotonic() + SECONDS
        while sum(map(len, self.of_word.values())) < total:
            if time.monotonic() > deadline or processor.poll() is not None:
                return False
            message = self._consumer.poll(1.0)
            if message is not None and message.error() is None:
                self.of_word[(message.key() or b"").decode()].append(int(message.value() or b""))
        return True

    def close(self) -> None:
        self._consumer.close()


def main() -> None:
    admin = AdminClient({"bootstrap.servers": SERVERS})
    create_topics(admin)
    texts = sentences()
    words = [word for text in texts for word in text.split()]
    counts = Counts()
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "state"
        for kill in range(KILLS + 1):
            # Half of what comes in this round is counted when the kill comes; the other half is under way.
            share = slice(kill * SENTENCES // (KILLS + 1), (kill + 1) * SENTENCES // (KILLS + 1))
            produce(texts[share])
            last = kill == KILLS
            expected = len(words) if last else WORDS_OF_SENTENCE * (share.start + share.stop) // 2
            with subprocess.Popen([sys.executable, "word_count.py", str(state)]) as processor:
                came = counts.await_total(expected, processor)
                processor.kill()
            if not last:
                lost = kill % 2 == 0
                fact(f"kill {kill + 1}", f"counts came: {came}, state lost: {lost}")
                if lost:
                    shutil.rmtree(state)
    counts.close()
    report(admin, counts, words)


def report(admin: AdminClient, counts: Counts, words: list[str]) -> None:
    for word in VOCABULARY:
        seen = counts.of_word[word]
        fact(f"count of {word}", seen[-1] if seen else None)
        fact("each count once and in order", seen == list(range(1, words.count(word) + 1)))
    topics = sorted(name for name in admin.list_topics(timeout=SECONDS).topics if not name.startswith("__"))
    fact("topics", topics)
    for name in topics:
        if name.startswith("changelog"):
            [future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
            fact(f"cleanup.policy of {name}", future.result(SECONDS)["cleanup.policy"].value)


if __name__ == "__main__":
    main()

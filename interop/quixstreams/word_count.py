"""A word count in quixstreams, exactly once: words by a repartition topic, counts in a state with a changelog topic.

    word_count.py STATE_DIRECTORY

Runs until it is killed. Each word of `sentences` becomes a message in `counts`: key the word, value its count so far.
"""

from __future__ import annotations

import os
import sys

from quixstreams import Application, State  # type: ignore[import-not-found]  # in an environment of its own

COMMIT_SECONDS = 0.2
TRANSACTIONAL_ID = "1"
"""The same after a crash: the new process ends the old one's transaction. By default each process has a random one, and
readers wait for the end of what a killed one left open."""
SESSION_TIMEOUT_MS = 6_000


def count(_: object, state: State) -> int:
    counted = int(state.get("count", 0)) + 1
    state.set("count", counted)
    return counted


def main() -> None:
    app = Application(
        broker_address=os.environ["BOOTSTRAP_SERVERS"],
        consumer_group="word-count",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_SECONDS,
        state_dir=sys.argv[1],
        loglevel="WARNING",
        consumer_extra_config={"session.timeout.ms": SESSION_TIMEOUT_MS, "heartbeat.interval.ms": 1_000},
        producer_extra_config={"transactional.id": TRANSACTIONAL_ID},
    )
    sentences = app.topic("sentences", value_deserializer="str")
    counts = app.topic("counts", value_serializer="json")
    words = app.dataframe(sentences).apply(str.split, expand=True)
    words = words.group_by(
        lambda word: word,
        name="word",
        value_serializer="str",
        value_deserializer="str",
        key_serializer="str",
        key_deserializer="str",
    )
    words.apply(count, stateful=True).to_topic(counts)
    app.run()


if __name__ == "__main__":
    main()

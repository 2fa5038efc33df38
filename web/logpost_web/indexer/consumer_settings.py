"""What the indexer sets of its consumer, and why."""

from __future__ import annotations

from typing import Any

from logpost.config import Config
from logpost.kafka import client_settings

CLIENT = "logpost-indexer"
SESSION_TIMEOUT_MS = 10_000
QUEUED_KILOBYTES = 16 * 1024
"""What librdkafka fetches ahead at most."""
QUEUED_RECORDS = 20_000
"""With so many at hand it asks for no more: a fetch then brings all that came meanwhile, not one batch alone."""
FETCH_AGAIN_MS = 100
"""How long it does not look whether it has so many."""
FETCH_WAIT_MS = 250
"""How long the broker may wait for records before it says that there are none, which is how the end of a partition
becomes known. Records are sent at once."""
TOPICS_MS = 1000
"""How soon a topic that is made while it runs is read: Kafka tells nobody of a new one, so the client asks."""


def consumer_settings(config: Config, instance_id: str) -> dict[str, Any]:
    return {
        **client_settings(config.kafka, CLIENT),
        "group.id": config.store.group,
        "group.instance.id": instance_id,
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        # Where it may begin is known; look at an offset that the log does not have.
        "auto.offset.reset": "error",
        "check.crcs": True,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "topic.metadata.refresh.interval.ms": TOPICS_MS,
        "queued.max.messages.kbytes": QUEUED_KILOBYTES,
        "queued.min.messages": QUEUED_RECORDS,
        "fetch.queue.backoff.ms": FETCH_AGAIN_MS,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
    }

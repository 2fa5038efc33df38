"""What the endpoints work with: the store to ask and the indexer's own account of how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request

from logpost.config import KafkaConfig
from logpost_web.api.queries import Queries
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.indexer.indexer import Indexer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    queries: Queries
    indexer: Indexer
    topic_reader: TopicReader
    kafka: KafkaConfig

    def missing(self) -> Iterator[str]:
        """Why a search would not find all that is sent; nothing when it would. Blocks."""
        if not self.indexer.ready:
            yield f"the indexer reads no partitions: is a broker at {self.kafka.bootstrap_servers}?"
        yield from self.indexer.store.problems()
        if paused := self.indexer.progress().paused:
            yield paused.reason
        if refill := self.indexer.progress().refill_records:
            yield f"the store lacks {refill:,} records that it had: they are read again from the topic"


def services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


def now_ns() -> int:
    return time.time_ns()

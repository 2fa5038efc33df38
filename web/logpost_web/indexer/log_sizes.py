"""What the broker's logs of topics take of its disk, and where they lie: Kafka's client does not ask that."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Int64, Schema, String
from confluent_kafka import KafkaError, KafkaException

from logpost.config import KafkaConfig
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.raw_log import SECONDS, log_client


class _Answer(Response):  # type: ignore[misc]  # the library has no types
    API_KEY = 35
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            Array(
                ("error_code", Int16),
                ("log_dir", String("utf-8")),
                (
                    "topics",
                    Array(
                        ("name", String("utf-8")),
                        (
                            "partitions",
                            Array(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    )


class _Question(RequestStruct):  # type: ignore[misc]  # the library has no types
    """DescribeLogDirs."""

    API_KEY = 35
    API_VERSION = 1
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(("topics", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))))


class _DescribeLogDirs(Request[_Question]):  # type: ignore[misc]  # the library has no types
    API_KEY = 35

    def __init__(self, partitions: Collection[PartitionKey]) -> None:
        topics = sorted({topic for topic, _ in partitions})
        self._topics = [(topic, sorted(number for name, number in partitions if name == topic)) for topic in topics]

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(self._topics)


class LogSizes(NamedTuple):
    """`directories`: of the broker that has them, as it names them. In bytes."""

    directories: list[Path]
    sizes: dict[PartitionKey, int]


def log_sizes(config: KafkaConfig, partitions: Collection[PartitionKey]) -> LogSizes:
    """Of a cluster with one broker; of more it says what one has. Raises KafkaException when it cannot be asked."""
    try:
        return asyncio.run(asyncio.wait_for(_ask(config, partitions), SECONDS))
    except (AioKafkaError, OSError, TimeoutError, NotImplementedError) as error:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, f"{type(error).__name__}: {error}")) from error


async def _ask(config: KafkaConfig, partitions: Collection[PartitionKey]) -> LogSizes:
    async with log_client(config) as client:
        answer = await client.send(client.get_random_node(), _DescribeLogDirs(partitions))
    sizes = {
        (topic, number): size
        for _, _, topics in answer.results
        for topic, found in topics
        for number, size, _, is_future in found
        if not is_future
    }
    return LogSizes([Path(directory) for _, directory, _ in answer.results], sizes)

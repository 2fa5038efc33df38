"""The log as the broker has it, batch by batch: asked when Kafka's client gives out none of its records, or too few.

librdkafka shows no batches. aiokafka's client signs in as it does, and gives out the bytes of a fetch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition
from confluent_kafka import KafkaError, KafkaException

from logpost.config import MIB, KafkaConfig
from logpost_web.indexer.planner import PartitionKey

FETCH_BYTES = MIB
"""The first batch comes whole, however large it is."""
SECONDS = 5.0
WAIT_MS = 100

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class Fetched(NamedTuple):
    """`error`: Kafka's code, 0 for none. `end`: the log's, -1 when it is not known."""

    error: int
    end: int
    data: bytes


def fetch(config: KafkaConfig, partition: PartitionKey, offset: int) -> Fetched:
    """What stands in the log from `offset` on, beginning with the batch that holds it. Raises KafkaException when the
    broker cannot be asked."""
    try:
        return asyncio.run(asyncio.wait_for(_fetch(config, partition, offset), SECONDS))
    except (AioKafkaError, OSError, TimeoutError) as error:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, f"{type(error).__name__}: {error}")) from error


@contextlib.asynccontextmanager
async def log_client(config: KafkaConfig) -> AsyncIterator[AIOKafkaClient]:
    """One that knows the cluster."""
    secure = config.security_protocol.endswith("SSL")
    client = AIOKafkaClient(
        bootstrap_servers=config.bootstrap_servers,
        client_id="logpost-indexer-log",
        security_protocol=config.security_protocol,
        ssl_context=ssl.create_default_context(cafile=config.ssl_ca_location or None) if secure else None,
        sasl_mechanism=config.sasl_mechanism,
        sasl_plain_username=config.sasl_username or None,
        sasl_plain_password=config.sasl_password or None,
    )
    try:
        await client.bootstrap()
        yield client
    finally:
        await client.close()


async def _fetch(config: KafkaConfig, partition: PartitionKey, offset: int) -> Fetched:
    topic, number = partition
    async with log_client(config) as client:
        await client.add_topic(topic)
        leader = client.cluster.leader_for_partition(TopicPartition(topic, number))
        if leader is None or leader < 0:
            raise TimeoutError(f"{topic}-{number} has no leader")
        request = FetchRequest(WAIT_MS, 1, FETCH_BYTES, 0, [(topic, [(number, offset, FETCH_BYTES)])])
        answer = await client.send(leader, request)
    [(_, [found])] = answer.topics
    return Fetched(error=found[1], end=found[2], data=bytes(found[-1] or b""))

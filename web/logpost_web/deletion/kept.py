"""Until when topics keep the bytes of what was deleted: Kafka removes whole segments, and none of a record alone."""

from __future__ import annotations

import logging
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from logpost.config import KafkaConfig
from logpost.kafka import client_settings

SECONDS = 5.0
UNKNOWN = "no broker says how long it keeps records"
MAX_MS = 253_402_300_799_999
"""The end of the year 9999: later moments cannot be written as RFC 3339."""
FOR_EVER = "the topic keeps records for ever by its retention.ms: delete them there"
COMPACTED = "the topic keeps the newest record of each key"

quiet = logging.getLogger("deletion.librdkafka")


class Kept(msgspec.Struct, kw_only=True):
    """`until_ms`: Unix milliseconds, at the latest; 0 where `reason` says why that is not known."""

    topic: str
    until_ms: int = 0
    reason: str = ""


def kept(topic: str, settings: dict[str, str], newest_ms: int) -> Kept:
    """From a topic's settings, of records of which the newest came at `newest_ms`. Pure."""
    if "delete" not in settings["cleanup.policy"]:
        return Kept(topic=topic, reason=COMPACTED)
    retention = int(settings["retention.ms"])
    if retention < 0:
        return Kept(topic=topic, reason=FOR_EVER)
    # A segment goes when its newest record is old enough, which may have come so much later.
    until = newest_ms + retention + int(settings["segment.ms"])
    return Kept(topic=topic, until_ms=until) if until <= MAX_MS else Kept(topic=topic, reason=FOR_EVER)


def ask_kept(config: KafkaConfig, topics: Collection[str], newest_ms: int) -> list[Kept]:
    """Blocks for SECONDS at most."""
    admin = AdminClient(client_settings(config, "logpost-deletes"), logger=quiet)
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
    futures = admin.describe_configs(asked, request_timeout=SECONDS) if asked else {}
    return [_answer(resource.name, future, newest_ms) for resource, future in futures.items()]


def _answer(topic: str, future: Future[Any], newest_ms: int) -> Kept:
    try:
        described = future.result(SECONDS)
    except (KafkaException, TimeoutError):
        return Kept(topic=topic, reason=UNKNOWN)
    return kept(topic, {name: str(entry.value) for name, entry in described.items()}, newest_ms)

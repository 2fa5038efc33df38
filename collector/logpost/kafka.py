"""librdkafka settings from `[kafka]`, and the logs topic, the same for every part that is a Kafka client."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourceType,
)

from logpost import authorities
from logpost.config import MIB, KafkaConfig
from logpost.errors import ConfigError

# A line of 1 MiB can grow sixfold when JSON escapes it (control characters), so producer and topic take more than
# Kafka's default of 1 MB.
MAX_MESSAGE_BYTES = 8 * MIB
_NODE_ERROR = re.compile(r"(?:[a-z_]+://)?(\S+)/[0-9]+: (.+)", re.DOTALL)
# Hosts whose clocks are wrong must neither be refused nor move the retention: the broker's clock stamps.
TIMESTAMP_TYPE, BY_ARRIVAL = "message.timestamp.type", "LogAppendTime"
RETENTION_MS = 14 * 24 * 3600 * 1000


def client_settings(config: KafkaConfig, client_id: str) -> dict[str, str | int | float | bool]:
    """Settings that any confluent-kafka client of ours starts from. Raises ConfigError for what no client could use."""
    _check(config)
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": config.bootstrap_servers,
        "client.id": client_id,
        "security.protocol": config.security_protocol,
        # The broker is often on this host and back within a second; the default waits up to 10 s.
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
    }
    if config.security_protocol.endswith("SSL") and (trusted := config.ssl_ca_location or authorities.store()):
        settings["ssl.ca.location"] = trusted
    if config.security_protocol.startswith("SASL"):
        settings["sasl.mechanism"] = config.sasl_mechanism
        settings["sasl.username"] = config.sasl_username
        settings["sasl.password"] = config.sasl_password
    return settings


def _check(config: KafkaConfig) -> None:
    if found := mistakes(config):
        raise ConfigError(next(iter(found.values())))


def mistakes(config: KafkaConfig) -> dict[str, str]:
    """Key → what makes `[kafka]` useless to any client."""
    found: dict[str, str] = {}
    protocol, ca = config.security_protocol, config.ssl_ca_location
    if protocol.startswith("SASL") and not (config.sasl_username and config.sasl_password):
        found["kafka.security_protocol"] = (
            f"kafka.security_protocol = {protocol} needs kafka.sasl_username and kafka.sasl_password"
        )
    if protocol.endswith("SSL") and ca and not os.access(ca, os.R_OK):
        found["kafka.ssl_ca_location"] = f'kafka.ssl_ca_location = "{ca}" cannot be read'
    return found


def check_client(config: KafkaConfig) -> None:
    """Raises ConfigError for settings that librdkafka refuses. Sends nothing."""
    try:
        AdminClient({**client_settings(config, "logpost-check"), "log_level": 0})
    except KafkaException as error:
        raise ConfigError(f"[kafka] cannot be used: {error.args[0].str()}") from error


class Complaints:
    """The `error_cb` of a client that waits for a broker: `cause` is why none answers, such as `Connection refused`."""

    def __init__(self) -> None:
        self.cause = ""
        self.all_down = False

    def __call__(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.all_down = True
        elif "Invalid response size" in error.str():
            self.cause = "what listens there does not speak Kafka's protocol"
        else:
            self.cause = error.str().rsplit(": ", 1)[-1].partition(" (after ")[0]


def unreachable(error: str, bootstrap_servers: str) -> str:
    """What to say of librdkafka's `error` when it is about an address that a broker advertises, not one of ours:
    the broker answers, and sends its clients where they cannot come. Else the empty text."""
    found = _NODE_ERROR.match(error)
    if found is None or found[1] in (server.strip() for server in bootstrap_servers.split(",")):
        return ""
    return (
        f"the broker at {bootstrap_servers} advertises {found[1]}, which cannot be reached: set broker.advertised_host "
        f"there to a name that reaches it from here ({found[2]})"
    )


Wait = Callable[[Any], object]
"""Takes the client's future and returns when that is done."""


def _as_it_does(_: Any) -> None:
    """Leaves it to the future, which waits when it is asked."""


def has_topic(admin: AdminClient, name: str, timeout: float, wait: Wait = _as_it_does) -> bool:
    """Whether there is such a topic; asking does not create it. Raises KafkaException when the broker does not say.
    `timeout`: seconds."""
    # Of this topic alone: to list all topics of a large cluster takes longer than anyone waits.
    [asked] = admin.describe_topics(TopicCollection([name]), request_timeout=timeout).values()
    wait(asked)
    error = asked.exception()
    if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return False
    if error is not None:
        raise KafkaException(*error.args)  # a new one: see below
    return True


def ensure_logs_topic(config: KafkaConfig, admin: AdminClient, timeout: float = 10.0, wait: Wait = _as_it_does) -> None:
    """Create the logs topic if it is missing; let the broker's clock stamp its records, unless the topic has a setting
    of its own. Raises KafkaException when the broker cannot be asked, or refuses."""
    # Asked first: a client may be allowed to write to a topic and not to create it.
    if has_topic(admin, config.topic, timeout, wait):
        _stamp_by_broker(config.topic, admin, timeout, wait)
        return
    topic = NewTopic(
        config.topic,
        num_partitions=config.partitions,
        replication_factor=-1,
        config={
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "retention.ms": str(RETENTION_MS),
            TIMESTAMP_TYPE: BY_ARRIVAL,
        },
    )
    [future] = admin.create_topics([topic], operation_timeout=timeout, request_timeout=timeout).values()
    # The request times out by itself; a wait of the same length would race it to another kind of error.
    wait(future)
    error = future.exception()
    exists = isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    if error is not None and not exists:
        # A new one: raised from here, the future's own would hold on to this frame, and so to `admin` and its threads.
        raise KafkaException(*error.args)


def _stamp_by_broker(topic: str, admin: AdminClient, timeout: float, wait: Wait) -> None:
    """For a topic that an older version has made, or the broker itself. Not everybody may: then it stays as it is."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        [described] = admin.describe_configs([resource], request_timeout=timeout).values()
        wait(described)
        entry = described.result()[TIMESTAMP_TYPE]
        if entry.value == BY_ARRIVAL or entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value:
            return
        change = ConfigEntry(TIMESTAMP_TYPE, BY_ARRIVAL, incremental_operation=AlterConfigOpType.SET)
        changing = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        [changed] = admin.incremental_alter_configs([changing], request_timeout=timeout).values()
        wait(changed)
        changed.result()
    except (KafkaException, KeyError) as error:
        logging.getLogger("kafka").debug("%s of topic %s stays as it is: %s", TIMESTAMP_TYPE, topic, error)

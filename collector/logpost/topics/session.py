"""One conversation of the command with a broker: client settings, and errors in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, TopicMetadata

from logpost.config import KafkaConfig
from logpost.errors import LogpostError
from logpost.kafka import Complaints, client_settings

SECONDS = 10.0
"""How long a broker may take to answer."""
TRY_SECONDS = 0.5
TRIES = 20
UNREACHABLE = frozenset(
    {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}
)


class KafkaCommandError(LogpostError):
    """A broker that cannot be reached, or that refused."""


class Session:
    """What the functions of the command share: where the broker is, and what it last complained about."""

    def __init__(self, config: KafkaConfig) -> None:
        """Raises ConfigError."""
        self.servers = config.bootstrap_servers
        self._complaints = Complaints()
        self.settings: dict[str, Any] = {
            **client_settings(config, "logpost-topics"),
            "error_cb": self._complaints,
            "log_level": 0,  # librdkafka would write to stderr what error_cb hears as well
        }

    @contextmanager
    def admin(self) -> Iterator[AdminClient]:
        """A client for administration. Raises KafkaCommandError for whatever Kafka's client raises in the block."""
        client = AdminClient(self.settings)
        with self.translated():
            self._await_answer(client)
            yield client

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise self.error(error.args[0]) from error

    def error(self, error: KafkaError) -> KafkaCommandError:
        if error.code() not in UNREACHABLE:
            return KafkaCommandError(error.str())
        why = f" ({self._complaints.cause})" if self._complaints.cause else ""
        return KafkaCommandError(
            f"no Kafka answers at {self.servers}{why}: is `logpost up` or `logpost broker` running?"
        )

    def _await_answer(self, client: AdminClient) -> None:
        """A request waits for its whole timeout for a broker that may come; here one that refuses is enough to know."""
        for left in reversed(range(TRIES)):
            try:
                client.list_topics(timeout=TRY_SECONDS)
                return
            except KafkaException:
                client.poll(0)  # hears complaints
                if self._complaints.all_down or left == 0:
                    raise


def topic_metadata(admin: AdminClient, name: str) -> TopicMetadata:
    """Raises KafkaCommandError when there is no such topic; unlike a question for the one topic, this creates none."""
    topics = admin.list_topics(timeout=SECONDS).topics
    if name not in topics:
        raise KafkaCommandError(f"there is no topic {name}: `logpost topics list` names those that are there")
    return topics[name]

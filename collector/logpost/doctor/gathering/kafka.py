"""What the broker says: whether it answers, where it sends its clients, the topic of the logs, all groups."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, ConfigResource, OffsetSpec, ResourceType

from logpost import scrape
from logpost.addresses import local_url
from logpost.config import Config
from logpost.doctor.checks.broker import BrokerFacts, Cause
from logpost.doctor.checks.groups import GroupFacts
from logpost.doctor.checks.topic import TopicFacts
from logpost.errors import ConfigError
from logpost.kafka import MAX_MESSAGE_BYTES, client_settings

PREFIX = "logpost_broker_"
ANSWER_SECONDS = 5.0
"""For the first answer, and for a connection."""
ALL_SECONDS = 30.0
"""For all others together."""
TRY_SECONDS = 0.5
MOST_GROUPS = 1_000

T = TypeVar("T")
Place = tuple[str, int]
"""Topic and partition."""

CAUSES: dict[int, Cause] = {
    KafkaError._RESOLVE: "name",
    KafkaError._AUTHENTICATION: "sign-in",
    KafkaError.SASL_AUTHENTICATION_FAILED: "sign-in",
    KafkaError.UNSUPPORTED_SASL_MECHANISM: "sign-in",
    KafkaError._SSL: "certificate",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "right",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "right",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "right",
    KafkaError._TRANSPORT: "away",
    KafkaError._TIMED_OUT: "away",
    KafkaError._ALL_BROKERS_DOWN: "away",
}
WORDS: dict[str, Cause] = {
    "Invalid response size": "not kafka",
    "connecting to a PLAINTEXT broker": "protocol",
    "SSL connection closed by peer": "protocol",
    "incorrect security.protocol": "protocol",
}
"""Of what librdkafka says, where its code says less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaFacts:
    """`topic` is None, and there are no groups, where the broker did not answer. `unanswered`: what it said nothing
    of."""

    broker: BrokerFacts
    topic: TopicFacts | None = None
    groups: tuple[GroupFacts, ...] = ()
    unanswered: tuple[str, ...] = ()


class _Complaints:
    """The `error_cb` of a client: the first thing that says more than that nobody is there."""

    def __init__(self) -> None:
        self.cause: Cause = ""
        self.text = ""
        self.all_down = False

    def __call__(self, error: KafkaError) -> None:
        text = error.str()
        self.all_down |= error.code() == KafkaError._ALL_BROKERS_DOWN
        said = next((cause for words, cause in WORDS.items() if words in text), None)
        cause: Cause = said or CAUSES.get(error.code(), "other")
        if self.cause in ("", "away") and error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.cause, self.text = cause, text.partition(" (after ")[0]


def own_metrics(config: Config) -> dict[str, float]:
    """Of a broker that runs here, by the name without PREFIX; nothing where it serves none."""
    if not config.broker.metrics_port:
        return {}
    address = f"{local_url(config.broker.listen, config.broker.metrics_port)}/metrics"
    try:
        found = scrape.samples(address, ANSWER_SECONDS)
    except scrape.UnansweredError:
        return {}
    return {name.removeprefix(PREFIX): scrape.total(found, name) for name in found if name.startswith(PREFIX)}


def kafka(config: Config, metrics: Mapping[str, float], *, is_box_stopped: bool) -> KafkaFacts:
    """Blocks for ANSWER_SECONDS and ALL_SECONDS at most."""
    servers = config.kafka.bootstrap_servers
    complaints = _Complaints()
    quiet = logging.getLogger("doctor.librdkafka")
    quiet.setLevel(logging.CRITICAL + 1)
    try:
        settings: dict[str, Any] = {**client_settings(config.kafka, "logpost-doctor"), "error_cb": complaints}
        admin = AdminClient(settings, logger=quiet)
    except (ConfigError, KafkaException) as error:
        return KafkaFacts(
            broker=BrokerFacts(servers=servers, metrics=metrics, cause="other", text=_said(error), nodes={})
        )
    metadata = _metadata(admin, complaints)
    if metadata is None:
        cause, text = complaints.cause or "away", complaints.text or "it does not answer"
        facts = BrokerFacts(
            servers=servers, metrics=metrics, cause=cause, text=text, nodes={}, is_box_stopped=is_box_stopped
        )
        return KafkaFacts(broker=facts)
    nodes = {f"{one.host}:{one.port}": _why_unreachable(str(one.host), one.port) for one in metadata.brokers.values()}
    broker = BrokerFacts(servers=servers, metrics=metrics, nodes=nodes)
    if any(nodes.values()):
        return KafkaFacts(broker=broker)  # what else is asked goes there
    asking = _Asking(admin, time.monotonic() + ALL_SECONDS)
    topic, groups = asking.topic(config, metadata), tuple(asking.groups())
    return KafkaFacts(broker=broker, topic=topic, groups=groups, unanswered=tuple(asking.unanswered))


def _metadata(admin: AdminClient, complaints: _Complaints) -> ClusterMetadata | None:
    """What the broker says; None when it does not within ANSWER_SECONDS, or it is clear that it will not."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        try:
            return admin.list_topics(timeout=TRY_SECONDS)
        except KafkaException as error:
            admin.poll(0)  # hears complaints
            if CAUSES.get(error.args[0].code()) != "away":
                complaints(error.args[0])
            if complaints.cause not in ("", "away") or complaints.all_down:
                return None
    return None


def _why_unreachable(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), ANSWER_SECONDS).close()
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or "no answer"
    return ""


class _Asking:
    """Questions to a broker that answers, until `deadline` (monotonic seconds)."""

    def __init__(self, admin: AdminClient, deadline: float) -> None:
        self._admin = admin
        self._deadline = deadline
        self.unanswered: list[str] = []

    def topic(self, config: Config, metadata: ClusterMetadata) -> TopicFacts:
        name = config.kafka.topic
        found = metadata.topics.get(name)
        settings: dict[str, str] = {}
        error = ""
        if found is not None:
            error = found.error.str() if found.error is not None else ""
            asked = [ConfigResource(ResourceType.TOPIC, name)]
            [future] = self._admin.describe_configs(asked, request_timeout=self._left()).values()
            entries = self._answer(future, f"the settings of topic {name}")
            settings = {} if entries is None else {key: str(entry.value) for key, entry in entries.items()}
        partitions = {} if found is None else found.partitions
        return TopicFacts(
            name=name,
            partitions=len(partitions),
            wanted_partitions=config.kafka.partitions,
            leaderless=tuple(number for number, one in sorted(partitions.items()) if one.leader < 0),
            settings=settings,
            wanted_message_bytes=MAX_MESSAGE_BYTES,
            error=error,
        )

    def groups(self) -> Iterator[GroupFacts]:
        listed = self._answer(self._admin.list_consumer_groups(request_timeout=self._left()), "the list of groups")
        names = sorted(group.group_id for group in listed.valid)[:MOST_GROUPS] if listed is not None else []
        if not names:
            return
        described = self._admin.describe_consumer_groups(names, request_timeout=self._left())
        members = {
            name: len(group.members)
            for name, future in described.items()
            if (group := self._answer(future, f"the members of group {name}")) is not None
        }
        committed = self._committed(names)
        places = {place for offsets in committed.values() for place in offsets}
        starts = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the library's
        ends = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the library's
        for name, offsets in committed.items():
            known = {place: offset for place, offset in offsets.items() if place in starts and place in ends}
            yield GroupFacts(
                name=name,
                members=members.get(name),
                lag=sum(max(0, ends[place] - max(offset, starts[place])) for place, offset in known.items()),
                lost=sum(max(0, starts[place] - offset) for place, offset in known.items()),
                ahead=sum(max(0, offset - ends[place]) for place, offset in known.items()),
            )

    def _committed(self, names: Iterable[str]) -> dict[str, dict[Place, int]]:
        """Group → its commits."""
        asked = {
            name: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=self._left()
            )[name]
            for name in names
        }
        return {
            name: {(one.topic, one.partition): one.offset for one in answer.topic_partitions or () if one.offset >= 0}
            for name, future in asked.items()
            if (answer := self._answer(future, f"the offsets of group {name}")) is not None
        }

    def _offsets(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
        asked = {TopicPartition(*place): spec for place in places}
        if not asked:
            return {}
        futures = self._admin.list_offsets(asked, request_timeout=self._left())
        answers = {
            (one.topic, one.partition): self._answer(future, f"the ends of {one.topic}-{one.partition}")
            for one, future in futures.items()
        }
        return {place: answer.offset for place, answer in answers.items() if answer is not None}

    def _answer(self, future: Future[T], question: str) -> T | None:
        """None for what is not answered in time, or with an error: of a group that was deleted meanwhile, say."""
        try:
            return future.result(self._left())
        except (KafkaException, TimeoutError):
            self.unanswered.append(question)
            return None

    def _left(self) -> float:
        """The client refuses a timeout of 0."""
        return max(0.001, self._deadline - time.monotonic())


def _said(error: ConfigError | KafkaException) -> str:
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)

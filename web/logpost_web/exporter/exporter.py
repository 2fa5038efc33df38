"""Offsets and lag for Prometheus, under kafka_exporter's names and labels, so that its dashboards work as they are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from logpost.config import KafkaConfig
from logpost_web.cluster.client import Cluster, ClusterUnavailableError
from logpost_web.cluster.snapshot import NOT_COMMITTED, Snapshot

KEPT_SECONDS = 1.0
"""Scrapes within this time share a snapshot."""
WAIT_SECONDS = 2.0
"""How long a scrape waits for a snapshot: it also has what the web says of itself, which must not come late."""

log = logging.getLogger("exporter")


class KafkaCollector(Collector):
    """Collects at each scrape. A cluster that is away, or slow, keeps no scrape waiting: it goes on being asked in a
    thread, and the scrape says what the last answer was and how old that is. No answer is `logpost_exporter_up` 0."""

    def __init__(self, config: KafkaConfig) -> None:
        self._cluster = Cluster(config)
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._snapshot: Snapshot | None = None
        self._is_away = False
        self._taken = float("-inf")

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: registering must not ask the cluster."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self._ask()
        with self._lock:
            snapshot, taken = self._snapshot, self._taken
        up = GaugeMetricFamily("logpost_exporter_up", "Whether the Kafka cluster answered when it was last asked.")
        up.add_metric([], 0 if snapshot is None else 1)
        yield up
        if snapshot is not None:
            for name, text, value in (
                ("failed_requests", "Questions that the cluster did not answer then.", snapshot.failures),
                ("age_seconds", "How old offsets and lag are.", time.monotonic() - taken),
            ):
                family = GaugeMetricFamily(f"logpost_exporter_{name}", text)
                family.add_metric([], value)
                yield family
            yield from broker_metrics(snapshot)
            yield from partition_metrics(snapshot)
            yield from group_metrics(snapshot)

    def _ask(self) -> None:
        """Wait for an answer, as long as a scrape may; not at all where none is to be expected."""
        with self._lock:
            if time.monotonic() - self._taken < KEPT_SECONDS:
                return
            if self._asking is None:
                self._asking = threading.Thread(target=self._take, name="exporter", daemon=True)
                self._asking.start()
            asking, seconds = self._asking, 0 if self._is_away else WAIT_SECONDS
        asking.join(seconds)

    def _take(self) -> None:
        snapshot = None
        try:
            snapshot = self._cluster.snapshot()
        except ClusterUnavailableError as error:
            if not self._is_away:
                log.warning("no offsets and lag to export: %s", error)
        finally:
            with self._lock:
                self._snapshot, self._is_away, self._taken = snapshot, snapshot is None, time.monotonic()
                self._asking = None


def broker_metrics(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    brokers = GaugeMetricFamily("kafka_brokers", "Number of brokers in the cluster.")
    brokers.add_metric([], len(snapshot.brokers))
    yield brokers
    info = GaugeMetricFamily("kafka_broker_info", "A broker and its address.", labels=["id", "address"])
    for node_id, address in snapshot.brokers.items():
        info.add_metric([str(node_id), address], 1)
    yield info


def partition_metrics(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    counts: dict[str, int] = {}
    for topic, _ in snapshot.partitions:
        counts[topic] = counts.get(topic, 0) + 1
    partitions = GaugeMetricFamily("kafka_topic_partitions", "Number of partitions of a topic.", labels=["topic"])
    for topic, count in counts.items():
        partitions.add_metric([topic], count)
    yield partitions

    families = {
        name: GaugeMetricFamily(f"kafka_topic_partition_{name}", text, labels=["topic", "partition"])
        for name, text in (
            ("current_offset", "End offset of a partition."),
            ("oldest_offset", "Start offset of a partition."),
            ("leader", "Node that leads a partition."),
            ("leader_is_preferred", "1 when the leader is the first replica."),
            ("replicas", "Number of replicas of a partition."),
            ("in_sync_replica", "Number of replicas that are in sync."),
            ("under_replicated_partition", "1 when a replica is not in sync."),
        )
    }
    for (topic, number), state in snapshot.partitions.items():
        values = {
            "current_offset": state.current_offset,
            "oldest_offset": state.oldest_offset,
            "leader": state.leader if state.leader >= 0 else None,
            "leader_is_preferred": state.leader == next(iter(state.replicas), None),
            "replicas": len(state.replicas),
            "in_sync_replica": len(state.in_sync_replicas),
            "under_replicated_partition": len(state.in_sync_replicas) < len(state.replicas),
        }
        for name, value in values.items():
            if value is not None:
                families[name].add_metric([topic, str(number)], value)
    yield from families.values()


def group_metrics(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    """`…_current_offset_sum` adds the -1 of partitions without a commit, `…_lag_sum` skips them: as kafka_exporter."""
    by_partition = ["consumergroup", "topic", "partition"]
    by_topic = ["consumergroup", "topic"]
    prefix = "kafka_consumergroup_"
    members = GaugeMetricFamily(f"{prefix}members", "Number of members of a group.", labels=["consumergroup"])
    offset = GaugeMetricFamily(f"{prefix}current_offset", "Committed offset, -1 for none.", labels=by_partition)
    lag = GaugeMetricFamily(f"{prefix}lag", "Records behind the end, -1 without a commit.", labels=by_partition)
    offset_sum = GaugeMetricFamily(f"{prefix}current_offset_sum", "Committed offsets of a topic.", labels=by_topic)
    lag_sum = GaugeMetricFamily(f"{prefix}lag_sum", "Records behind the end of a topic.", labels=by_topic)
    for group, state in snapshot.groups.items():
        if state.members is not None:
            members.add_metric([group], state.members)
        offset_sums: dict[str, int] = {}
        lag_sums: dict[str, int] = {}
        for key, committed in state.committed.items():
            topic, number = key
            behind = snapshot.lag(group, key)
            offset.add_metric([group, topic, str(number)], committed)
            if behind is not None:
                lag.add_metric([group, topic, str(number)], behind)
            offset_sums[topic] = offset_sums.get(topic, 0) + committed
            lag_sums[topic] = lag_sums.get(topic, 0) + (0 if behind in (None, NOT_COMMITTED) else behind)
        for topic, total in offset_sums.items():
            offset_sum.add_metric([group, topic], total)
            lag_sum.add_metric([group, topic], lag_sums[topic])
    yield from (members, offset, lag, offset_sum, lag_sum)

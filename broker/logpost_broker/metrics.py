"""What the broker counts, under Prometheus names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge

from logpost import metrics_server
from logpost_broker.byte_budget import ByteBudget
from logpost_broker.log.disk_reserve import DiskReserve
from logpost_broker.log.partition_log import PartitionLog


class CleanerMetrics:
    """Of the compaction of logs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter("logpost_broker_cleaner_runs", "Compactions of a log that ended well.", registry=registry)
        self.failures = Counter("logpost_broker_cleaner_failures", "Compactions that failed.", registry=registry)
        self.read_bytes = Counter(
            "logpost_broker_cleaner_read_bytes", "Bytes of logs that compaction read.", registry=registry
        )
        self.cleaned_bytes = Counter(
            "logpost_broker_cleaner_cleaned_bytes", "Bytes of segments that were compacted.", registry=registry
        )
        self.kept_bytes = Counter(
            "logpost_broker_cleaner_kept_bytes", "Bytes of the segments that took their place.", registry=registry
        )
        self.malformed_batches = Counter(
            "logpost_broker_cleaner_malformed_batches",
            "Batches kept as they are because their records cannot be opened.",
            registry=registry,
        )
        self.uncleanable = Gauge(
            "logpost_broker_cleaner_uncleanable_partitions",
            "Partitions whose compaction failed and is not tried for now.",
            registry=registry,
        )
        self.max_dirty_ratio = Gauge(
            "logpost_broker_cleaner_max_dirty_ratio",
            "The largest dirty part of a log that is compacted, of 1.",
            registry=registry,
        )


class ConnectionMetrics:
    """Of the clients."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("logpost_broker_connections", "Client connections that are open.", registry=registry)
        self.limit = Gauge("logpost_broker_connections_limit", "Most connections that may be open.", registry=registry)
        self._requests = Counter("logpost_broker_requests", "Requests taken, by API.", ["api"], registry=registry)
        self.requests = cache(lambda api: self._requests.labels(api))
        self.refused = Counter(
            "logpost_broker_connections_refused",
            "Connections closed because of what the client sent or because a request failed.",
            registry=registry,
        )
        self.above_limit = Counter(
            "logpost_broker_connections_above_limit",
            "Connections closed at once because the limit was reached.",
            registry=registry,
        )
        self.idle = Counter(
            "logpost_broker_connections_idle_closed",
            "Connections closed because nothing came or went over them for long.",
            registry=registry,
        )


class BatchMetrics:
    """Of the batches that producers send and consumers get."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.produced_bytes = Counter(
            "logpost_broker_produced_bytes", "Bytes of record batches taken, as producers sent them.", registry=registry
        )
        self.written_bytes = Counter(
            "logpost_broker_written_bytes", "Bytes of produced batches as they are in the logs.", registry=registry
        )
        self.recompressed = Counter(
            "logpost_broker_recompressed_batches", "Batches that the broker compressed.", registry=registry
        )
        self.compression_seconds = Counter(
            "logpost_broker_compression_cpu_seconds",
            "CPU time spent in opening and compressing produced batches.",
            registry=registry,
        )
        self.waiting_bytes = Gauge(
            "logpost_broker_compression_waiting_bytes",
            "Bytes of produced batches that wait for being compressed.",
            registry=registry,
        )
        self.large = Counter(
            "logpost_broker_large_batches",
            "Produced batches that were opened one at a time, since they unpack to much or not at all.",
            registry=registry,
        )
        self._refused = Counter(
            "logpost_broker_refused_batches",
            "Produced batches that were refused, by error.",
            ["error"],
            registry=registry,
        )
        self.refused = cache(lambda error: self._refused.labels(error))
        self.refused_for_room = Counter(
            "logpost_broker_disk_refused_batches",
            "Batches of producers refused because no more than the disk's reserve was free.",
            registry=registry,
        )
        self.fetched_bytes = Counter(
            "logpost_broker_fetched_bytes", "Bytes of record batches sent to consumers.", registry=registry
        )


class LogMetrics:
    """Of what the logs hold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._damaged_bytes = Gauge(
            "logpost_broker_damaged_bytes",
            "Bytes of damaged batches that reads found and passed over.",
            registry=registry,
        )
        self._offline_partitions = Gauge(
            "logpost_broker_offline_partitions",
            "Partitions that a failed write or sync took offline until the next start.",
            registry=registry,
        )
        self._open_transactions = Gauge(
            "logpost_broker_open_transactions",
            "Undecided transactions, once for each partition: readers of committed records wait for them.",
            registry=registry,
        )
        self._producers = Gauge(
            "logpost_broker_producers",
            "Idempotent producers that partitions remember, once for each partition.",
            registry=registry,
        )
        self.forgotten_producers = Counter(
            "logpost_broker_forgotten_producers",
            "Producers that a partition forgot before they were silent for a day, because there were too many.",
            registry=registry,
        )

    def watch(self, logs: Iterable[PartitionLog]) -> None:
        """`logs` are gone through again for each scrape."""
        self._damaged_bytes.set_function(lambda: sum(log.damaged_bytes for log in logs))
        self._offline_partitions.set_function(lambda: sum(log.offline is not None for log in logs))
        self._producers.set_function(lambda: sum(len(log.producers) for log in logs))
        self._open_transactions.set_function(lambda: sum(len(log.transactions.open) for log in logs))


class BrokerMetrics:
    """One set per broker, so that several brokers in a process do not mix."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.connections = ConnectionMetrics(registry)
        self.batches = BatchMetrics(registry)
        self.logs = LogMetrics(registry)
        self.cleaner = CleanerMetrics(registry)
        self._partitions = Gauge("logpost_broker_partitions", "Partitions of all topics.", registry=registry)
        self._partition_limit = Gauge(
            "logpost_broker_partitions_limit", "Most partitions that all topics may have.", registry=registry
        )
        self._reading_bytes = Gauge(
            "logpost_broker_reading_bytes", "Memory for requests that are not whole yet.", registry=registry
        )
        self._unsent_bytes = Gauge(
            "logpost_broker_unsent_bytes", "Answers that clients have yet to read.", registry=registry
        )
        self.retention_waiting = Gauge(
            "logpost_broker_retention_waiting_partitions",
            "Partitions past their limits whose oldest records a group of broker.retention_groups has not read.",
            registry=registry,
        )
        self._disk_free = Gauge(
            "logpost_broker_disk_free_bytes", "Free on the file system of the logs.", registry=registry
        )
        self._disk_reserve = Gauge(
            "logpost_broker_disk_reserve_bytes", "Below this many free bytes, producers are refused.", registry=registry
        )
        self._fetch_sessions = Gauge(
            "logpost_broker_fetch_sessions", "Fetch sessions of consumers that are kept.", registry=registry
        )
        self._state_bytes = Gauge(
            "logpost_broker_state_bytes",
            "What groups, share groups and transactions keep, as it was last journaled as a whole; and what the"
            " members of classic groups say of themselves.",
            ["of"],
            registry=registry,
        )

    def watch_partitions(self, partitions: Callable[[], int], limit: int) -> None:
        self._partitions.set_function(partitions)
        self._partition_limit.set(limit)

    def watch_state(self, name: str, state_bytes: Callable[[], int]) -> None:
        """Of a coordinator."""
        self._state_bytes.labels(name).set_function(state_bytes)

    def watch_sessions(self, sessions: Sized) -> None:
        self._fetch_sessions.set_function(lambda: len(sessions))

    def watch_budgets(self, reading: ByteBudget, unsent: ByteBudget) -> None:
        self._reading_bytes.set_function(lambda: reading.total_bytes)
        self._unsent_bytes.set_function(lambda: unsent.total_bytes)

    def watch_disk(self, reserve: DiskReserve) -> None:
        self._disk_free.set_function(lambda: reserve.free_bytes)
        self._disk_reserve.set_function(lambda: reserve.reserve_bytes)

    def serve(self, listen: str, port: int) -> Callable[[], None]:
        """Answer scrapes on `listen`:`port`, in threads; returns what stops that. Raises StartError when the port is
        taken."""
        return metrics_server.serve(lambda: self._registry, listen, port, setting="broker.metrics_port")

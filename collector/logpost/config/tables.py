"""Every setting of logpost: its name, type and default.

Settings of the broker and the web are declared here too: one file configures all parts, and each part that reads it
must find a misspelt key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from logpost.config.tree import short_keys
from logpost.config.types import (
    INT64_MAX,
    Duration,
    Host,
    HttpUrl,
    Listen,
    NotNegative,
    Pattern,
    Port,
    Positive,
    Seconds,
    Servers,
    ShareOrSize,
    Text,
    TopicName,
    TopicOrPattern,
)
from logpost.errors import ConfigError

MIB = 1024 * 1024
DAY_MS = 24 * 60 * 60 * 1000


class Table(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A table of the configuration file; unknown keys are refused."""


class BrokerConfig(Table, frozen=True):
    """`[broker]`: the embedded broker."""

    listen: Listen = "localhost"
    """Address to bind. `localhost` binds 127.0.0.1 and ::1."""
    port: Port = 9092
    """0 takes a free port."""
    advertised_host: Host = ""
    """Host name that clients are told to connect to; default: `listen`."""
    insecure: bool = False
    """Allow an address that is not loopback although nothing authenticates clients."""
    auto_create_topics: bool = True
    num_partitions: Positive = 1
    """Partitions of a topic that is created on first use."""
    flush: Literal["commit", "interval", "os"] = "commit"
    """When acknowledged bytes are on the disk: before acks=all answers, every `flush_interval_ms`, or when the
    operating system writes them."""
    flush_interval_ms: Positive = 1000
    compression_type: Literal["zstd", "lz4", "snappy", "gzip", "uncompressed", "producer"] = "zstd"
    """Codec for what arrives uncompressed, unless a topic's `compression.type` says otherwise; `producer` and
    `uncompressed` leave it as it is."""
    segment_bytes: Positive = 1024 * MIB
    retention_ms: Annotated[int, msgspec.Meta(ge=-1, le=INT64_MAX)] = 14 * DAY_MS
    """How long topics keep records that say nothing else in their `retention.ms`; -1 is forever."""
    retention_check_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0
    """How often to look for expired segments (Kafka's `log.retention.check.interval.ms`)."""
    retention_groups: str = "logpost-indexer"
    """Consumer groups, with commas between: what they have not committed of a topic that they read stays, whatever its
    limits, while a tenth of the disk is free."""
    cleaner_check_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 15.0
    """How often to look for logs to compact (Kafka's `log.cleaner.backoff.ms`)."""
    cleaner_io_bytes_per_second: NotNegative = 16 * MIB
    """What compaction may read and write; 0 is no limit."""
    cleaner_dedupe_buffer_bytes: Annotated[int, msgspec.Meta(ge=MIB, le=INT64_MAX)] = 128 * MIB
    """Most memory for the keys of one compaction: 32 bytes a key (Kafka's `log.cleaner.dedupe.buffer.size`)."""
    disk_reserve_bytes: NotNegative = 1024 * MIB
    """Kept free on the data directory's file system, a twentieth of it at most: producers are refused below."""
    message_max_bytes: Positive = 1_048_588
    """Largest record batch that a topic takes unless its `max.message.bytes` says otherwise (Kafka's default)."""
    max_request_bytes: Positive = 100 * MIB
    """Largest frame read from a connection (Kafka's `socket.request.max.bytes`)."""
    queued_max_request_bytes: Positive = 256 * MIB
    """Most memory for requests that are not whole yet, of all connections (Kafka's `queued.max.request.bytes`)."""
    queued_max_answer_bytes: Positive = 512 * MIB
    """Most memory for answers that clients have yet to read."""
    max_connections: NotNegative = 0
    """Most client connections (Kafka's `max.connections`); 0: as many as the limit of open files leaves room for."""
    max_partitions: Positive = 100_000
    """Most partitions of all topics: one that is used takes 15 KB of memory and three files."""
    connections_max_idle_ms: Positive = 600_000
    """A connection over which nothing came or went for so long is closed (Kafka's `connections.max.idle.ms`)."""
    group_max_size: Positive = 1_000
    """Most members of a group of the classic protocol (Kafka's `group.max.size`, where it has no bound)."""
    group_min_session_timeout_ms: Positive = 1_000
    """Shortest session timeout that a member of such a group may ask for (Kafka's `group.min.session.timeout.ms`, 6 s
    there)."""
    group_initial_rebalance_delay_ms: NotNegative = 0
    """How long the first member of such a group waits for more (Kafka's `group.initial.rebalance.delay.ms`, 3 s
    there)."""
    consumer_session_timeout_ms: Positive = 45_000
    """After how long without a heartbeat a member of a consumer group of the new protocol is gone (Kafka's
    `group.consumer.session.timeout.ms`)."""
    consumer_heartbeat_interval_ms: Positive = 5_000
    """How often such members are told to send a heartbeat (Kafka's `group.consumer.heartbeat.interval.ms`)."""
    streams_session_timeout_ms: Positive = 45_000
    """After how long without a heartbeat a member of a streams group is gone (Kafka's
    `group.streams.session.timeout.ms`)."""
    streams_heartbeat_interval_ms: Positive = 5_000
    """How often such members are told to send a heartbeat (Kafka's `group.streams.heartbeat.interval.ms`)."""
    streams_num_standby_replicas: NotNegative = 0
    """Copies of a streams task's state on other processes, to take over fast (Kafka's
    `group.streams.num.standby.replicas`)."""
    streams_initial_rebalance_delay_ms: NotNegative = 0
    """How long the first member of a streams group waits for more before tasks are given out (Kafka's
    `group.streams.initial.rebalance.delay.ms`, 3 s there)."""
    offsets_retention_minutes: Positive = 7 * 24 * 60
    """How long the offsets of a consumer group that nobody uses are kept (Kafka's `offsets.retention.minutes`)."""
    offsets_retention_check_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 600.0
    """How often to look for expired offsets (Kafka's `offsets.retention.check.interval.ms`)."""
    metrics_port: Port = 9644
    """Prometheus metrics of the broker; 0 turns them off."""


class KafkaConfig(Table, frozen=True):
    """`[kafka]`: how agent, handler, indexer and exporter reach the broker, ours or any other Kafka."""

    bootstrap_servers: Servers = "localhost:9092"
    topic: TopicName = "logs"
    partitions: Positive = 8
    """Partitions of `topic` when logpost creates it."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_ca_location: str = ""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = ""


class FileSourceConfig(Table, frozen=True, tag_field="type", tag="file"):
    """`[[agent.source]]` with `type = "file"`: files by glob, `**` crosses directories."""

    paths: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)]
    exclude: tuple[Pattern, ...] = ()
    service: str = ""
    """Default: the file's stem."""
    start: Literal["beginning", "end"] = "beginning"
    """Where a file that is new to the agent starts: `beginning` or `end`."""
    timezone: str = ""
    """IANA zone of times that name none; default: the host's."""
    max_lines_per_second: NotNegative = 0
    """Lines above this rate are dropped and counted; 0 is no limit."""


class JournalSourceConfig(Table, frozen=True, tag_field="type", tag="journal"):
    """`[[agent.source]]` with `type = "journal"`: the systemd journal through `journalctl`."""

    since: Text = "-1h"
    """Where to start when there is no saved cursor (`journalctl --since`)."""


SourceConfig = FileSourceConfig | JournalSourceConfig


class AgentConfig(Table, frozen=True):
    """`[agent]`: what is read on this host."""

    hostname: str = ""
    """Value of `host` in every record; default: this machine's name."""
    source: tuple[SourceConfig, ...] = ()
    max_line_bytes: Annotated[int, msgspec.Meta(ge=1024, le=8 * MIB)] = 1 * MIB
    """A longer line is shipped in pieces of this size."""
    max_in_flight: Positive = 50_000
    """Records handed to the client and not yet acknowledged; reading waits above it."""
    poll_seconds: Seconds = 1.0
    """How often to look at files although no file event came."""
    partial_line_seconds: Seconds = 60.0
    """A line without its newline is shipped when its file has not grown for this long."""
    metrics_port: Port = 9645
    """Prometheus metrics of the agent; 0 turns them off."""


class RetentionConfig(Table, frozen=True):
    """`[[store.retention]]`: how long rows are kept for which this is the first rule whose query they match."""

    query: Text
    keep: Duration


class StoreConfig(Table, frozen=True):
    """`[store]`: the search store and the indexer that fills it."""

    url: str = ""
    """`chdb:///path` or `clickhouse://user@host:8443/database`; default: chDB under the data directory."""
    topics: TopicOrPattern = "^logs"
    """Topics that are indexed: a name, or a pattern that starts with `^`."""
    group: Text = "logpost-indexer"
    block_rows: Positive = 50_000
    block_bytes: Positive = 32 * MIB
    block_seconds: Seconds = 0.5
    """A block is inserted when it has this many rows, bytes, or is this old; older where it is soon full."""
    max_message_bytes: Positive = 4 * MIB
    max_attributes_bytes: Positive = MIB
    """What is longer is cut in the row, which says so; the topic has the whole."""
    max_memory_bytes: Positive = 512 * MIB
    """Most that the embedded store may use; less where the machine, or the container, has less than twice as much. A
    third is for inserts and merges, searches share the rest."""
    max_spill_bytes: Positive = 1024 * MIB
    """Most that searches which need more memory may put on the disk meanwhile."""
    max_searches: Annotated[int, msgspec.Meta(ge=1, le=64)] = 3
    """Long searches that run at once; short ones have places of their own beside them."""
    max_waiting_searches: NotNegative = 100
    """Searches of a client that wait for a place; more are refused (429)."""
    search_timeout_seconds: Seconds = 30.0
    """How long a search may run; who asks may want less (`timeout`)."""
    slow_search_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    """A search that took so long is written to the log as one line of JSON; 0: none is."""
    keep: Duration = "14d"
    """How long rows are kept after they arrived, unless a rule of `retention` says otherwise."""
    max_bytes: ShareOrSize = "70%"
    """Most that store and topics together may take of the file system of the data directory; the oldest go first."""
    disk_reserve_bytes: NotNegative = 2048 * MIB
    """Kept free on the embedded store's file system, a tenth of it at most: below, nothing is indexed."""
    backups: str = ""
    """A directory: `POST /api/store/restore` takes backups below it. Empty: only the command restores."""
    retention: tuple[RetentionConfig, ...] = ()


class WebConfig(Table, frozen=True):
    """`[web]`: the search page, the API and `/metrics`."""

    listen: Listen = "localhost"
    port: Port = 8080
    """0 takes a free port."""
    external_url: HttpUrl = ""
    """The address that people open, where it is another than this machine's names and `listen`: requests that name
    another host are refused."""
    max_connections: Positive = 1000
    """More are refused; at most half of the files that the process may open (`ulimit -n`), the rest is the store's."""
    insecure: bool = False


class Config(Table, frozen=True):
    """The whole configuration."""

    data: str = ""
    """Data directory; default: /var/lib/logpost where it is writable, else ~/.local/state/logpost."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What all parts log: this and what is graver."""
    broker: BrokerConfig = BrokerConfig()
    kafka: KafkaConfig = KafkaConfig()
    agent: AgentConfig = AgentConfig()
    store: StoreConfig = StoreConfig()
    web: WebConfig = WebConfig()

    def data_directory(self) -> Path:
        """Raises ConfigError where it needs a home directory and there is none."""
        try:
            # A file and the environment know no shell that would read the `~`.
            return Path(self.data).expanduser() if self.data else default_data_directory()
        except RuntimeError as error:
            raise ConfigError(f"data: {error}: name a directory") from error


def default_data_directory() -> Path:
    system = Path("/var/lib/logpost")
    is_of_unit = os.environ.get("STATE_DIRECTORY", "").startswith(f"{system}/")
    if is_of_unit or _is_writable(system):
        return system
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "logpost"


def _is_writable(system: Path) -> bool:
    """Under systemd it is root's, and each part in it its user's."""
    if not system.exists():
        return os.access(system.parent, os.W_OK)
    try:
        parts = [path for path in system.iterdir() if path.is_dir()]
    except OSError:
        parts = []
    return any(os.access(path, os.W_OK) for path in (system, *parts))


def settings(table: Table, prefix: str = "") -> dict[str, object]:
    """Dotted key → value of every setting, in declaration order."""
    flat: dict[str, object] = {}
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, Table):
            flat.update(settings(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


DEFAULTS = settings(Config())
SHORT_KEYS = short_keys(DEFAULTS)
"""`broker.retention` → `broker.retention_ms`: keys that take a number with its unit, `"14d"`."""

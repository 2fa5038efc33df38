"""Every setting of logpost: its name, type and default. One TOML file, the environment wins over it.

`load()` answers a `Config` and where each value came from; an unknown key or a wrong type is a
`ConfigError` that names the key and the file. Settings of the broker and the web are declared here too,
because one file configures all parts and a misspelt key must be found by whichever part reads it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from logpost.config_mistakes import nearest_name
from logpost.config_tree import prune, short_keys, spell_out
from logpost.config_types import (
    INT64_MAX,
    Host,
    HttpUrl,
    Listen,
    NotNegative,
    Pattern,
    Port,
    Positive,
    Seconds,
    Servers,
    Text,
    TopicName,
    TopicOrPattern,
)
from logpost.errors import ConfigError

SYSTEM_FILE = Path("/etc/logpost/logpost.toml")
ENVIRONMENT_PREFIX = "LOGPOST_"
_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT(_.+)?)\Z|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?\Z")
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
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
    operating system likes."""
    flush_interval_ms: Positive = 1000
    compression_type: Literal["zstd", "lz4", "snappy", "gzip", "uncompressed", "producer"] = "zstd"
    """Codec for what arrives uncompressed, unless a topic's `compression.type` says otherwise; `producer` and
    `uncompressed` leave it as it is."""
    segment_bytes: Positive = 1024 * MIB
    retention_ms: Annotated[int, msgspec.Meta(ge=-1, le=INT64_MAX)] = 14 * DAY_MS
    """How long topics keep records that say nothing else in their `retention.ms`; -1 is for ever."""
    retention_check_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0
    """How often is looked for what is to go (Kafka's `log.retention.check.interval.ms`)."""
    cleaner_check_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 15.0
    """How often is looked for logs that are to be compacted (Kafka's `log.cleaner.backoff.ms`)."""
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
    """How often is looked for such (Kafka's `offsets.retention.check.interval.ms`)."""
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
    """How often files are looked at even when no file event came."""
    partial_line_seconds: Seconds = 60.0
    """A line without its newline is shipped when its file has not grown for this long."""
    metrics_port: Port = 9645
    """Prometheus metrics of the agent; 0 turns them off."""


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
    """A block is inserted when it has this many rows, bytes, or is this old."""
    max_message_bytes: Positive = 4 * MIB
    max_attributes_bytes: Positive = MIB
    """What is longer is cut in the row, which says so; the topic has the whole."""
    max_memory_bytes: Positive = 2048 * MIB
    """Most that the embedded store may use."""


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
    broker: BrokerConfig = BrokerConfig()
    kafka: KafkaConfig = KafkaConfig()
    agent: AgentConfig = AgentConfig()
    store: StoreConfig = StoreConfig()
    web: WebConfig = WebConfig()

    def data_directory(self) -> Path:
        """Raises ConfigError where it lies in a home directory and there is none."""
        try:
            # A file and the environment know no shell that would read the `~`.
            return Path(self.data).expanduser() if self.data else default_data_directory()
        except RuntimeError as error:
            raise ConfigError(f"data: {error}: name a directory") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration with, per dotted key (`broker.port`), what set it; a missing key has its default."""

    config: Config
    origins: Mapping[str, str]


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Read `file` (default: the system's, if there is one), then the environment, then `overrides`
    (dotted key → value, from the command line). Raises ConfigError with the first mistake."""
    loaded, mistakes = load_with_mistakes(file, environment, overrides)
    if mistakes:
        raise ConfigError(mistakes[0])
    return loaded


def load_with_mistakes(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> tuple[Loaded, list[str]]:
    """As `load`, but answers all mistakes, each with its source and key; where there is one, the default stands. Raises
    ConfigError for a file that cannot be read at all."""
    tree: dict[str, object] = {}
    origins: dict[str, str] = {}
    mistakes: list[str] = []
    if file is None and SYSTEM_FILE.exists():
        file = SYSTEM_FILE
    if file is not None:
        tree = _read_toml(file)
        spelled, wrong = spell_out(tree, SHORT_KEYS, DEFAULTS)
        mistakes += [f"{file}: {mistake}" for mistake in (*wrong, *prune(tree, Config, strict=True))]
        origins.update({key: f"{file}{spelled.get(key, '')}" for key in _dotted(tree)})
    for variable, text in environment.items():
        source = f"environment variable {variable}"
        if (key := _key_of(variable, text)) is None:
            continue
        if not key:
            mistakes.append(f"{source} names no setting{_meant(variable)}; `logpost config print` lists them")
            continue
        layer: dict[str, object] = {}
        _set(layer, key, text)
        spelled, wrong = spell_out(layer, SHORT_KEYS, DEFAULTS)
        wrong += prune(layer, Config, strict=False)
        for found in _dotted(layer):
            if origins.get(found, "").startswith("environment"):
                wrong.append(f"sets {found}, as does {origins[found].partition(' (')[0]}: keep one of them")
            origins[found] = f"{source}{spelled.get(found, '')}"
            _set(tree, found, _get(layer, found))
        mistakes += [f"{source}: {mistake}" for mistake in wrong]
    for dotted, value in (overrides or {}).items():
        _set(tree, dotted, value)
        origins[dotted] = "command line"
    mistakes += [f"command line: {mistake}" for mistake in prune(tree, Config, strict=False)]
    return Loaded(config=msgspec.convert(tree, Config, strict=False), origins=origins), mistakes


def default_data_directory() -> Path:
    system = Path("/var/lib/logpost")
    if os.access(system if system.exists() else system.parent, os.W_OK):
        return system
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "logpost"


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


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark before it
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file} is not UTF-8 (line {line}): save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error


def _key_of(variable: str, text: str) -> str | None:
    """`LOGPOST_BROKER_PORT` → `broker.port`; the empty text for a variable of ours that names no setting; None for one
    that is none of ours. `LOGPOST_INTERNAL_*` is how the supervisor talks to its children and no setting."""
    if not variable.startswith(ENVIRONMENT_PREFIX) or variable.startswith(ENVIRONMENT_PREFIX + "INTERNAL_"):
        return None
    if is_made_by_kubernetes(variable, text):
        return None
    found = next((key for key in (*DEFAULTS, *SHORT_KEYS) if _variable(key) == variable), "")
    return "" if found == "agent.source" else found


def _variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


def _meant(variable: str) -> str:
    names = {_variable(key).lower(): key for key in (*DEFAULTS, *SHORT_KEYS) if key != "agent.source"}
    nearest = nearest_name(variable, names) if variable != _variable("agent.source") else ""
    return f" (did you mean {_variable(names[nearest])}?)" if nearest else ""


def is_made_by_kubernetes(variable: str, text: str) -> bool:
    """Every pod beside a Service named `logpost…` gets variables of its address: `LOGPOST_BROKER_PORT=tcp://10.0.0.1:9092`
    is not the setting `broker.port`."""
    return bool(_KUBERNETES.search(variable) or (variable.endswith("_PORT") and _KUBERNETES_ADDRESS.match(text)))


def _dotted(tree: Mapping[str, object], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in tree.items():
        keys += _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return keys


def _set(tree: dict[str, object], dotted: str, value: object) -> None:
    *tables, name = dotted.split(".")
    for table in tables:
        inner = tree.setdefault(table, {})
        assert isinstance(inner, dict)
        tree = inner
    tree[name] = value


def _get(tree: Mapping[str, object], dotted: str) -> object:
    value: object = tree
    for name in dotted.split("."):
        assert isinstance(value, Mapping)
        value = value[name]
    return value

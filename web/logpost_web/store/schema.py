"""The table `otel_logs`: the columns of OpenTelemetry's ClickHouse exporter (JSON variant) and ours behind them.

Which expressions its skip indexes serve:
- `SEARCHED_TEXT`: whole words, as `hasToken(…, 'word')`.
- `TraceId`, `StreamId`: equality and IN.
- `Offset`: comparisons; rows that arrive together lie together.

Rows that belong together lie together: the primary key begins with the 5 minutes that a row is of (`Bucket`), because
pages ask for the newest rows, and goes on with service and host, whose rows are alike; (Topic, Partition, Offset) makes
the order total, so that a cursor never skips. `ORDER BY Bucket DESC, Timestamp DESC` reads no more than the newest
buckets. The 128 most frequent attributes are columns of their own, the rest share one: each such column costs files,
and a program that invents a name per line would use them up (measured with 1024, the default: 80 s to insert 20,000
rows, and "too many open files"). docs/decisions/2026-12-01-a-layout-that-keeps-rows-together.md has the figures.

Table partitions are the units of retention (`logpost_web.retention`), which follow arrival and not the time of the
event: whole parts go, and logs of last year are welcome in one block.

- `BodyBytes`: bytes of the message before it was cut (`store.max_message_bytes`); 0 where Body is all of it.
- `LogAttributesText`: the attributes as JSON text where LogAttributes would not give the same back, else empty.
- `Words`: the normal form of the message (`logpost.query.words`); empty for most messages, which are plain ASCII
  and whose normal form is `lower(Body)`.
- `ArrivedAt`: when the record came to its topic. `RetentionClass`, `RetentionUnit`: numbers of the class and the unit
  that the row lies in. Rows from elsewhere that name none are of no class, and in the unit of their day.
- `ResourceAttributes`, `ScopeAttributes`: always empty; as ALIAS they cost an insert and a part's files nothing.

The table's comment names the version of the layout in which all its rows are written; `Store.version` reads it. A table
of an older version gets the columns that it lacks, so that every statement works on it, and keeps its version until its
rows are written as this version writes them.

- 1 (no comment): texts among the attributes that look like a time or a number were stored as one.
- 2: attributes are stored as they were sent; messages that are not plain ASCII have `Words`.
- 3: table partitions are units of retention, by the time when records came to the topic. It was that of indexing.
- 4: rows lie by 5 minutes, service and host. They lay by time.
"""

from __future__ import annotations

import re

from logpost_web.store import engine_settings

TABLE = "otel_logs"

SEARCHED_TEXT = "if(empty(Words), lower(Body), Words)"
"""The normal form of a message. One expression: not every server answers an OR of two columns from their indexes. And
`empty`, because the optimizer makes that of `Words = ''` and then knows the index no more."""

VERSION = 4
"""Of the layout that this release writes. It grows when rows that are in stores already would be written otherwise."""
FIRST_VERSION = 1
"""Of a table whose comment names none."""
MOVED_VERSION = 2
"""Rows of this version and later ones are right, only laid otherwise: they need not be read from their records."""
ADDED_COLUMNS: tuple[str, ...] = (
    "BodyBytes UInt64 CODEC(ZSTD(1)) AFTER Body",
    "LogAttributesText String CODEC(ZSTD(1)) AFTER LogAttributes",
    "Words String CODEC(ZSTD(1)) AFTER IndexedAt",
)
"""Columns that later versions added, as in CREATE_TABLE; a table that was made without them gets them when it is
opened."""
READ_COLUMNS: tuple[str, ...] = ("ArrivedAt", "RetentionClass", "RetentionUnit", "Bucket")
"""Those that a table of an older version gets besides, when rows of it are read beside those of this one."""
WORDS_INDEX = f"idx_words {SEARCHED_TEXT} TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8"
REPLACED_INDEXES = {"idx_lower_body": WORDS_INDEX}
"""Indexes of older versions that no statement asks any more → what is made in their place."""
_VERSION_COMMENT = re.compile(r"logpost layout (\d+)")


def version_comment(version: int) -> str:
    return f"logpost layout {version}"


def version_in(comment: str) -> int:
    """The version that a table's comment names."""
    match = _VERSION_COMMENT.search(comment)
    return int(match[1]) if match else FIRST_VERSION


TABLE_SETTINGS = engine_settings.clause(engine_settings.TABLE)

BUCKET_NS = 300_000_000_000
"""5 minutes: of the time that rows of a service and a host lie together for."""

UNIT_OF_THE_DAY = "(intDiv(toUnixTimestamp(ArrivedAt), 86400) * 2400 + 24) * 100000"
"""`logpost_web.retention.units.Unit.number` of 24 hours."""

CREATE_TABLE = f"""
CREATE TABLE IF NOT EXISTS otel_logs (
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    BodyBytes UInt64 CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes JSON ALIAS CAST('{{}}', 'JSON'),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes JSON ALIAS CAST('{{}}', 'JSON'),
    LogAttributes JSON(max_dynamic_paths = 128) CODEC(ZSTD(1)),
    LogAttributesText String CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    HostName LowCardinality(String) CODEC(ZSTD(1)),
    FilePath LowCardinality(String) CODEC(ZSTD(1)),
    Topic LowCardinality(String) CODEC(ZSTD(1)),
    TopicId LowCardinality(String) CODEC(ZSTD(1)),
    Partition Int32 CODEC(ZSTD(1)),
    Offset Int64 CODEC(Delta(8), ZSTD(1)),
    StreamId LowCardinality(String) CODEC(ZSTD(1)),
    StreamFrom UInt64 CODEC(Delta(8), ZSTD(1)),
    StreamTo UInt64 CODEC(Delta(8), ZSTD(1)),
    IndexedAt DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    Words String CODEC(ZSTD(1)),
    ArrivedAt DateTime('UTC') DEFAULT if(IndexedAt = 0, now(), IndexedAt) CODEC(Delta(4), ZSTD(1)),
    RetentionClass UInt32 CODEC(ZSTD(1)),
    RetentionUnit UInt64 DEFAULT {UNIT_OF_THE_DAY} CODEC(ZSTD(1)),
    Bucket Int32 MATERIALIZED intDiv(toUnixTimestamp64Nano(Timestamp), {BUCKET_NS}) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_stream_id StreamId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_offset Offset TYPE minmax GRANULARITY 1,
    INDEX {WORDS_INDEX}
)
ENGINE = MergeTree
PARTITION BY (RetentionClass, RetentionUnit)
ORDER BY (Bucket, ServiceName, HostName, Timestamp, Topic, Partition, Offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {TABLE_SETTINGS}
COMMENT '{version_comment(VERSION)}'
"""
# The two fsync settings: offsets are committed after the insert, so an insert that returned must survive a power cut.

BEFORE = "otel_logs_before"
"""The rows as they were, while the table is filled again."""
OLDER = "otel_logs_older"
"""The rows of the layout before, until they are written as this one has them. See logpost_web/store/older.py."""
COPIED, MOVED = "otel_logs_copied", "otel_logs_moved"
"""A table partition of them, while it is copied, and when it takes its place."""
READ_ROWS = re.compile(r"\bFROM otel_logs\b")
READ_OLDER_TOO = f"FROM merge(currentDatabase(), '^({TABLE}|{OLDER})$')"
RESTORED = "otel_logs_restored"
"""Parts of a backup, while it is restored."""
MANIFEST = "otel_logs_manifest"

CREATE_MANIFEST = f"""
CREATE TABLE IF NOT EXISTS otel_logs_manifest (
    Topic LowCardinality(String),
    TopicId LowCardinality(String),
    Partition Int32,
    Chunk Int64,
    Start Int64,
    End Int64,
    Rows Int64,
    Lacks Int64,
    Lost Int64,
    LastOffset Int64,
    LastMark UInt64,
    Version Int64
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY (Topic, TopicId, Partition, Chunk)
SETTINGS {TABLE_SETTINGS}
"""
# What the store says of itself: see logpost_web/indexer/manifest.py.

STEPPED_OVER = "otel_logs_stepped_over"

CREATE_STEPPED_OVER = """
CREATE TABLE IF NOT EXISTS otel_logs_stepped_over (
    Topic LowCardinality(String),
    TopicId String,
    Partition Int32,
    Start Int64,
    End Int64,
    Reason String,
    Written DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(Written)
ORDER BY (Topic, TopicId, Partition, Start)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""
# Offsets that are no rows and why: see logpost_web/store/stepped_over_table.py.

DELETED = "otel_logs_deleted"
MATCHED = "otel_logs_matched"

_PLACES = """
    Deletion String,
    Topic LowCardinality(String),
    TopicId LowCardinality(String),
    Partition Int32 CODEC(ZSTD(1)),
    Offset Int64 CODEC(Delta(8), ZSTD(1)),
    StreamId String CODEC(ZSTD(1)),
    StreamFrom UInt64 CODEC(Delta(8), ZSTD(1)),
    StreamTo UInt64 CODEC(Delta(8), ZSTD(1)),
    Mark UInt32 CODEC(ZSTD(1)),"""

CREATE_DELETED = f"""
CREATE TABLE IF NOT EXISTS otel_logs_deleted ({_PLACES}
    INDEX idx_stream_id StreamId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (Topic, TopicId, Partition, Offset, Deletion)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {TABLE_SETTINGS}
"""
# Where rows stood that were deleted for good, and nothing of what they said: see logpost_web/store/deleted.py.

CREATE_MATCHED = f"""
CREATE TABLE IF NOT EXISTS otel_logs_matched ({_PLACES}
    Time Int64,
    Arrived UInt32,
    Service LowCardinality(String),
    Unit String
)
ENGINE = MergeTree
PARTITION BY Deletion
ORDER BY (Topic, TopicId, Partition, Offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {TABLE_SETTINGS}
"""
# What a query for a deletion found, until somebody says yes.

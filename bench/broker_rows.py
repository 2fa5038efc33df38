"""What `bench.broker` measures: the list of rows, and how each is measured against one running broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.brokers import Subject
from bench.client import run_driver

PARTITIONS = 8
RUN = 100
"""Messages in a row for one partition, as clients do that stick to a partition for a batch."""
LATENCY_SECONDS = 8.0
LATENCY_WARMUP_SECONDS = 2.0
CONSUME_SECONDS = 30.0
SYNC_EACH = {"flush.messages": "1"}
"""Apache Kafka syncs every batch before it answers with this; logpost's acks=all always waits for the disk."""
MESSAGE_BYTES = {"100 B": 100, "200 B": 200, "1 KiB": 1024, "10 KiB": 10240}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much one measurement may take: it ends at whichever comes first."""

    driver: Path
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value. `extra`: what the driver and /proc said beside it."""

    name: str
    unit: str
    value: float
    cpu_seconds_per_gb: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement. `names`: of the figures that `measure` returns."""

    names: Sequence[str]
    measure: Callable[[Subject, Load], Sequence[Figure]]
    same_for_logpost: str = ""
    """The first name of a row that is the same measurement where the broker is logpost; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a producer sends, and to what kind of topic."""

    size: int
    codec: str = "none"
    acks: str = "1"
    producers: int = 1
    partitions: int = PARTITIONS
    run: int = RUN
    configs: Mapping[str, str]

    def options(self, topic: str) -> dict[str, object]:
        return {
            "topic": topic,
            "size": self.size,
            "codec": self.codec,
            "acks": self.acks,
            "producers": self.producers,
            "partitions": self.partitions,
            "run": self.run,
        }


def rows() -> list[Row]:
    """All rows, in the order of the table."""
    return [*_produce_rows(), *_fetch_rows(), *_scale_rows(), *_latency_rows()]


def _produce_rows() -> list[Row]:
    made = []
    for shown, size in MESSAGE_BYTES.items():
        for codec, kept in (("none", "producer"), ("none", "zstd"), ("zstd", "producer")):
            what = f"produce {shown}, {codec}" + (", topic zstd" if kept == "zstd" else "")
            configs = {"compression.type": kept}
            made.append(_produce(f"{what}, acks=1", Stream(size=size, codec=codec, configs=configs)))
            all_name = f"{what}, acks=all"
            stream = Stream(size=size, codec=codec, acks="all", configs=configs)
            made.append(_produce(all_name, stream))
            synced = Stream(size=size, codec=codec, acks="all", configs={**configs, **SYNC_EACH})
            made.append(_produce(f"{all_name}, both synced", synced, same_for_logpost=all_name))
    return made


def _produce(name: str, stream: Stream, *, same_for_logpost: str = "", primed: bool = False) -> Row:
    """`primed`: the same load runs once before, uncounted."""

    def measure(subject: Subject, load: Load) -> list[Figure]:
        topic = subject.create_topic(stream.partitions, stream.configs)
        options = {**stream.options(topic), "bytes": load.bytes}
        if primed:
            run_driver(load.driver, "produce", subject.bootstrap, options, load.seconds)
        before = subject.usage().cpu_seconds
        ran = run_driver(load.driver, "produce", subject.bootstrap, options, load.seconds)
        cpu = subject.usage().cpu_seconds - before
        stored = subject.stored_bytes(topic)
        subject.delete_topic(topic)
        return [_throughput(name, ran, cpu, compression=ran["bytes"] / stored)]

    return Row(names=[name], measure=measure, same_for_logpost=same_for_logpost)


def _throughput(name: str, ran: Mapping[str, Any], cpu_seconds: float, **extra: float) -> Figure:
    gigabytes = ran["bytes"] / 1e9
    return Figure(
        name=name,
        unit="MB/s",
        value=ran["bytes"] / ran["seconds"] / 1e6,
        cpu_seconds_per_gb=cpu_seconds / gigabytes,
        extra={**extra, "client_cpu_seconds_per_gb": ran["client_cpu_seconds"] / gigabytes},
    )


def _fetch_rows() -> list[Row]:
    made = []
    for shown, codec in (("200 B", "none"), ("200 B", "zstd"), ("10 KiB", "none")):
        stream = Stream(size=MESSAGE_BYTES[shown], codec=codec, configs={"compression.type": "producer"})
        made.append(_fetch(f"fetch {shown}, {codec}, just written", stream, cold=False))
        made.append(_fetch(f"fetch {shown}, {codec}, cold", stream, cold=True))
    return made


def _fetch(name: str, stream: Stream, *, cold: bool) -> Row:
    def measure(subject: Subject, load: Load) -> list[Figure]:
        topic = subject.create_topic(stream.partitions, stream.configs)
        fill = {**stream.options(topic), "bytes": load.bytes}
        filled = run_driver(load.driver, "produce", subject.bootstrap, fill, CONSUME_SECONDS)
        if cold:
            subject.drop_from_cache(topic)
        before = subject.usage()
        options: dict[str, object] = {"topic": topic, "partitions": stream.partitions, "count": filled["messages"]}
        ran = run_driver(load.driver, "consume", subject.bootstrap, options, CONSUME_SECONDS)
        after = subject.usage()
        subject.delete_topic(topic)
        from_disk = float(after.disk_read_bytes - before.disk_read_bytes)
        return [_throughput(name, ran, after.cpu_seconds - before.cpu_seconds, disk_read_bytes=from_disk)]

    return Row(names=[name], measure=measure)


def _scale_rows() -> list[Row]:
    """Messages go to the partitions one by one here, as those of many log streams do. Kafka is slow in a new topic of
    1,000 partitions for its first half minute: that is not counted."""
    configs = {"compression.type": "producer"}
    made = []
    for producers in (1, 10, 100):
        stream = Stream(size=1024, producers=producers, run=1, configs=configs)
        made.append(_produce(f"produce 1 KiB, none, acks=1, {producers} producers", stream))
    for partitions in (10, 1000):
        stream = Stream(size=1024, partitions=partitions, run=1, configs=configs)
        made.append(_produce(f"produce 1 KiB, none, acks=1, {partitions} partitions", stream, primed=True))
    return made


def _latency_rows() -> list[Row]:
    made = []
    for rate in (1000, 10_000):
        name = f"acks=all at {rate:,} messages/s"
        made.append(_latency(name, rate, {}))
        made.append(_latency(f"{name}, both synced", rate, SYNC_EACH, same_for_logpost=f"{name}: p50"))
    return made


def _latency(name: str, rate: int, configs: Mapping[str, str], *, same_for_logpost: str = "") -> Row:
    names = [f"{name}: {part}" for part in ("p50", "p99", "p99.9")]

    def measure(subject: Subject, load: Load) -> list[Figure]:
        topic = subject.create_topic(PARTITIONS, configs)
        options = Stream(size=200, acks="all", configs=configs).options(topic)
        options.update(rate=rate, warmup=LATENCY_WARMUP_SECONDS)
        ran = run_driver(load.driver, "latency", subject.bootstrap, options, LATENCY_SECONDS)
        subject.delete_topic(topic)
        keys = ("p50_ms", "p99_ms", "p999_ms")
        return [Figure(name=name, unit="ms", value=ran[key]) for name, key in zip(names, keys, strict=True)]

    return Row(names=names, measure=measure, same_for_logpost=same_for_logpost)

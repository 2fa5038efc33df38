"""`topic`: whether the topic of the logs is there and keeps lines as it should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "topic"
HOUR_MS = 3_600_000
LEAST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFacts:
    """`partitions` is 0 where there is no such topic. `leaderless`: partitions that nobody serves. `settings`: by
    Kafka's names, empty where they may not be read. `error`: why the broker did not say. `wanted_message_bytes`: what
    the agent may send."""

    name: str
    partitions: int = 0
    wanted_partitions: int
    leaderless: tuple[int, ...] = ()
    settings: Mapping[str, str]
    wanted_message_bytes: int
    error: str = ""


def judge(facts: TopicFacts) -> Iterator[Result]:
    if facts.error:
        yield fail(CHECK, f"{facts.name}: {facts.error}", "give the user of [kafka] the right to describe and read it")
    elif not facts.partitions:
        yield warn(
            CHECK,
            f"there is no topic {facts.name}",
            f"the first agent makes it; or `logpost topics create {facts.name} --partitions {facts.wanted_partitions}`",
        )
    else:
        found = [*_partitions(facts), *_settings(facts)]
        yield from found or [ok(CHECK, f"{facts.name} has {facts.partitions} partitions")]


def _partitions(facts: TopicFacts) -> Iterator[Result]:
    if facts.leaderless:
        numbers = ", ".join(map(str, facts.leaderless))
        yield fail(
            CHECK,
            f"nobody serves partition {numbers} of {facts.name}",
            "start the brokers that have them; `logpost broker verify` checks the files of ours",
        )
    if facts.partitions < facts.wanted_partitions:
        yield warn(
            CHECK,
            f"{facts.name} has {facts.partitions} partitions, kafka.partitions is {facts.wanted_partitions}",
            "it was made by another program: set kafka.partitions to what it has, or add partitions",
        )


def _settings(facts: TopicFacts) -> Iterator[Result]:
    if "compact" in facts.settings.get("cleanup.policy", ""):
        yield fail(
            CHECK,
            f"{facts.name} is compacted: of each host and service only the last line is kept",
            "set its cleanup.policy to delete",
        )
    yield from _retention(facts)
    most = facts.settings.get("max.message.bytes", "")
    if most.isdecimal() and int(most) < facts.wanted_message_bytes:
        yield warn(
            CHECK,
            f"{facts.name} takes messages of {int(most):,} bytes, a long line may have {facts.wanted_message_bytes:,}: "
            "it is cut",
            f"set its max.message.bytes to {facts.wanted_message_bytes}",
        )
    if facts.settings.get("message.timestamp.type") == "CreateTime":
        yield warn(
            CHECK,
            f"{facts.name} keeps the times of its clients: one with a wrong clock moves the retention",
            "set its message.timestamp.type to LogAppendTime",
        )


def _retention(facts: TopicFacts) -> Iterator[Result]:
    remedy = "let it keep more: the store reads from it, and is filled again from it"
    milliseconds, most = (facts.settings.get(name, "") for name in ("retention.ms", "retention.bytes"))
    if milliseconds.isdecimal() and int(milliseconds) < HOUR_MS:
        detail = f"{facts.name} keeps lines for {int(milliseconds) / 1000:,.0f} s: what is not indexed by then is lost"
        yield warn(CHECK, detail, f"{remedy} (retention.ms)")
    if most.isdecimal() and int(most) < LEAST_BYTES:
        detail = f"{facts.name} keeps {int(most):,} bytes of a partition: what is not indexed by then is lost"
        yield warn(CHECK, detail, f"{remedy} (retention.bytes)")

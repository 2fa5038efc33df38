"""The configuration that a group may carry: Kafka's names, types and defaults.

`share.auto.offset.reset` says where a share group begins; the others how a group is led. One cannot be set for a group:
`share.renew.acknowledge.enable`. Ranges are those that Kafka allows by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from logpost.config import BrokerConfig
from logpost_broker.metadata.config_definition import (
    MAX_INT,
    MAX_LONG,
    STRING,
    ConfigDefinition,
    boolean,
    number,
    one_of,
)
from logpost_broker.metadata.group_limits import ConsumerGroupLimits, ShareLimits, StreamsGroupLimits

SHARE_AUTO_OFFSET_RESET = "share.auto.offset.reset"
SHARE_ISOLATION_LEVEL = "share.isolation.level"
SHARE_RENEW_ACKNOWLEDGE = "share.renew.acknowledge.enable"
READ_COMMITTED, READ_UNCOMMITTED = "read_committed", "read_uncommitted"
EARLIEST, LATEST = "earliest", "latest"
BY_DURATION = re.compile(
    r"by_duration:P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?", re.ASCII
)
"""Days, hours, minutes, seconds of ISO 8601."""
DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS = 86_400_000, 3_600_000, 60_000, 1_000


def _reset(text: str) -> None:
    if text in (EARLIEST, LATEST):
        return
    found = BY_DURATION.fullmatch(text)
    if found is None:
        raise ValueError("must be earliest, latest, or by_duration: with a duration such as PT12H")
    if _milliseconds(found) > MAX_LONG:
        raise ValueError("must not be longer than time is")


def duration_ms(reset: str) -> int | None:
    """How far a `by_duration:` goes back; None for the two others."""
    found = BY_DURATION.fullmatch(reset)
    return None if found is None else round(_milliseconds(found))


def _milliseconds(found: re.Match[str]) -> float:
    """Of what BY_DURATION found; maybe infinite."""
    parts = zip(found.groups(default="0"), (DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS), strict=True)
    return sum(float(count) * unit_ms for count, unit_ms in parts)


STREAMS_LIMITS = {
    "streams.assignment.interval.ms": "assignment_interval_ms",
    "streams.heartbeat.interval.ms": "heartbeat_interval_ms",
    "streams.initial.rebalance.delay.ms": "initial_rebalance_delay_ms",
    "streams.num.standby.replicas": "num_standby_replicas",
    "streams.session.timeout.ms": "session_timeout_ms",
}
"""Setting → the field of StreamsGroupLimits."""
CONSUMER_LIMITS = {
    "consumer.heartbeat.interval.ms": "heartbeat_interval_ms",
    "consumer.session.timeout.ms": "session_timeout_ms",
}
"""Setting → the field of ConsumerGroupLimits."""
SHARE_LIMITS = {
    "share.delivery.count.limit": "delivery_count_limit",
    "share.heartbeat.interval.ms": "heartbeat_interval_ms",
    "share.partition.max.record.locks": "partition_max_record_locks",
    "share.record.lock.duration.ms": "record_lock_duration_ms",
    "share.session.timeout.ms": "session_timeout_ms",
}
"""Setting → the field of ShareLimits."""
ALTERABLE = frozenset(
    {SHARE_AUTO_OFFSET_RESET, SHARE_ISOLATION_LEVEL, *CONSUMER_LIMITS, *SHARE_LIMITS, *STREAMS_LIMITS}
)


WITHOUT_BROKER_SETTING = frozenset({SHARE_AUTO_OFFSET_RESET, SHARE_ISOLATION_LEVEL, SHARE_RENEW_ACKNOWLEDGE})
"""The others have their defaults from a broker's setting, whose name begins with `group.`."""


def streams_limits(broker: BrokerConfig, overrides: Mapping[str, str]) -> StreamsGroupLimits:
    """Of a streams group with these settings of its own."""
    limits = StreamsGroupLimits(
        session_timeout_ms=broker.streams_session_timeout_ms,
        heartbeat_interval_ms=broker.streams_heartbeat_interval_ms,
        num_standby_replicas=broker.streams_num_standby_replicas,
        initial_rebalance_delay_ms=broker.streams_initial_rebalance_delay_ms,
    )
    return replace(limits, **_numbers(STREAMS_LIMITS, overrides))


def consumer_limits(broker: BrokerConfig, overrides: Mapping[str, str]) -> ConsumerGroupLimits:
    """Of a consumer group with these settings of its own."""
    limits = ConsumerGroupLimits(
        session_timeout_ms=broker.consumer_session_timeout_ms,
        heartbeat_interval_ms=broker.consumer_heartbeat_interval_ms,
    )
    return replace(limits, **_numbers(CONSUMER_LIMITS, overrides))


def share_limits(limits: ShareLimits, overrides: Mapping[str, str]) -> ShareLimits:
    """Of a share group with these settings of its own; `limits` are those of all."""
    level = overrides.get(SHARE_ISOLATION_LEVEL, READ_UNCOMMITTED)
    return replace(limits, is_committed_only=level == READ_COMMITTED, **_numbers(SHARE_LIMITS, overrides))


def _numbers(fields: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, int]:
    return {field: int(overrides[name]) for name, field in fields.items() if name in overrides}


def group_configs(broker: BrokerConfig) -> dict[str, ConfigDefinition]:
    """All settings of a group, with the defaults of this broker."""
    streams = streams_limits(broker, {})
    return {
        "consumer.heartbeat.interval.ms": number(broker.consumer_heartbeat_interval_ms, 5_000, 15_000),
        "consumer.session.timeout.ms": number(broker.consumer_session_timeout_ms, 45_000, 60_000),
        SHARE_AUTO_OFFSET_RESET: ConfigDefinition(LATEST, STRING, _reset),
        "share.delivery.count.limit": number(5, 2, 10),
        "share.heartbeat.interval.ms": number(5_000, 5_000, 15_000),
        SHARE_ISOLATION_LEVEL: one_of(READ_UNCOMMITTED, READ_COMMITTED, READ_UNCOMMITTED),
        "share.partition.max.record.locks": number(2_000, 100, 10_000),
        "share.record.lock.duration.ms": number(30_000, 15_000, 60_000),
        SHARE_RENEW_ACKNOWLEDGE: boolean("true"),
        "share.session.timeout.ms": number(45_000, 45_000, 60_000),
        "streams.assignment.interval.ms": number(streams.assignment_interval_ms, 0, 15_000),
        "streams.heartbeat.interval.ms": number(streams.heartbeat_interval_ms, 5_000, 15_000),
        "streams.initial.rebalance.delay.ms": number(streams.initial_rebalance_delay_ms, 0, MAX_INT),
        "streams.num.standby.replicas": number(streams.num_standby_replicas, 0, 2),
        "streams.session.timeout.ms": number(streams.session_timeout_ms, 45_000, 60_000),
    }

"""The configuration that a group may carry: Kafka's names, types and defaults.

`share.auto.offset.reset` says where a share group begins. The others are described as they are in force for all groups,
and cannot be set for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from logpost.config import BrokerConfig
from logpost_broker.config_definition import MAX_INT, STRING, ConfigDefinition, boolean, number, one_of

SHARE_AUTO_OFFSET_RESET = "share.auto.offset.reset"
EARLIEST, LATEST = "earliest", "latest"
BY_DURATION = re.compile(
    r"by_duration:P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?", re.ASCII
)
"""Days, hours, minutes, seconds of ISO 8601."""
DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS = 86_400_000, 3_600_000, 60_000, 1_000


def _reset(text: str) -> None:
    if text not in (EARLIEST, LATEST) and BY_DURATION.fullmatch(text) is None:
        raise ValueError("must be earliest, latest, or by_duration: with a duration such as PT12H")


def duration_ms(reset: str) -> int | None:
    """How far a `by_duration:` goes back; None for the two others."""
    found = BY_DURATION.fullmatch(reset)
    if found is None:
        return None
    parts = zip(found.groups(default="0"), (DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS), strict=True)
    return round(sum(float(count) * unit_ms for count, unit_ms in parts))


ALTERABLE: Mapping[str, ConfigDefinition] = {SHARE_AUTO_OFFSET_RESET: ConfigDefinition(LATEST, STRING, _reset)}


def group_configs(broker: BrokerConfig) -> dict[str, ConfigDefinition]:
    """All settings of a group, with the defaults of this broker."""
    return {
        "consumer.heartbeat.interval.ms": number(broker.consumer_heartbeat_interval_ms, 1, MAX_INT),
        "consumer.session.timeout.ms": number(broker.consumer_session_timeout_ms, 1, MAX_INT),
        **ALTERABLE,
        "share.delivery.count.limit": number(5, 1, MAX_INT),
        "share.heartbeat.interval.ms": number(5_000, 1, MAX_INT),
        "share.isolation.level": one_of("read_uncommitted", "read_committed", "read_uncommitted"),
        "share.partition.max.record.locks": number(2_000, 1, MAX_INT),
        "share.record.lock.duration.ms": number(30_000, 1, MAX_INT),
        "share.renew.acknowledge.enable": boolean("true"),
        "share.session.timeout.ms": number(45_000, 1, MAX_INT),
    }

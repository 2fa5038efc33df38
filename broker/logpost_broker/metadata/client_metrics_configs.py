"""What a subscription to client metrics may say (KIP-714). This broker collects none: it is kept and described."""

from __future__ import annotations

import re
from collections.abc import Mapping

from logpost_broker.metadata.config_definition import LIST, ConfigDefinition, number

MATCHED = frozenset(
    {
        "client_id",
        "client_instance_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    }
)
DEFAULT_INTERVAL_MS, MIN_INTERVAL_MS, MAX_INTERVAL_MS = 300_000, 100, 3_600_000


def _patterns(text: str) -> None:
    for pattern in filter(None, text.split(",")):
        name, is_given, expression = pattern.partition("=")
        if name.strip() not in MATCHED or not is_given:
            raise ValueError(
                f"'{pattern}' must be one of {', '.join(sorted(MATCHED))}, then '=' and a regular expression"
            )
        try:
            re.compile(expression)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"'{expression}' is no regular expression: {error}") from None


CLIENT_METRICS_CONFIGS: Mapping[str, ConfigDefinition] = {
    "interval.ms": number(DEFAULT_INTERVAL_MS, MIN_INTERVAL_MS, MAX_INTERVAL_MS),
    "match": ConfigDefinition("", LIST, _patterns),
    "metrics": ConfigDefinition("", LIST, str),
}

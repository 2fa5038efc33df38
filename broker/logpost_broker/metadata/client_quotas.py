"""Client quotas (KIP-546): kept and described, not enforced. What may be set is what Apache Kafka 4.3 lets be set.

An entity is a user, a client id, both, or an address, each by its name or as the default (null).
"""

from __future__ import annotations

import ipaddress
import logging
import math
import re
from collections.abc import Iterator, Mapping

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata.metadata_file import MetadataFile, QuotaEntry

USER, CLIENT_ID, IP = "user", "client-id", "ip"
WHOLE_NUMBERS = frozenset({"connection_creation_rate", "consumer_byte_rate", "producer_byte_rate"})
LIMITS_OF_CLIENTS = frozenset(
    {"consumer_byte_rate", "controller_mutation_rate", "producer_byte_rate", "request_percentage"}
)
LIMITS_OF_ADDRESSES = frozenset({"connection_creation_rate"})
GREATEST = {
    "connection_creation_rate": 2**31 - 1,
    "consumer_byte_rate": 2**63 - 1,
    "producer_byte_rate": 2**63 - 1,
}
TOLERANCE = 1e-6
"""So far from a whole number a value may be."""
HOST_NAME = re.compile(r"(?![0-9.]*\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
"""Digits and dots alone are an address or nothing."""

logger = logging.getLogger("broker")

Entity = Mapping[str, str | None]
"""Type → name, None for the default."""


class ClientQuotas:
    """All quotas. A change is durable when its call returns."""

    def __init__(self, metadata: MetadataFile) -> None:
        self._metadata = metadata

    def __iter__(self) -> Iterator[QuotaEntry]:
        return iter(self._metadata.content.client_quotas or ())

    def alter(self, entity: Entity, changes: Mapping[str, float | None], *, validate_only: bool) -> None:
        """Set limits, or take away those that are None. Raises ApiError: INVALID_REQUEST, KAFKA_STORAGE_ERROR."""
        check_entity(entity)
        for name, value in changes.items():
            if value is not None:
                _check_limit(entity, name, value)
        if validate_only:
            return
        before = next((entry.limits for entry in self if entry.entity == entity), {})
        limits = {name: value for name, value in {**before, **changes}.items() if value is not None}
        entries = [entry for entry in self if entry.entity != entity]
        if limits:
            entries.append(QuotaEntry(entity=dict(entity), limits=limits))
        self._metadata.change(client_quotas=entries)
        logger.warning("quotas of %s are %s now: they are kept, and limit nobody", dict(entity), limits or "none")


def check_entity(entity: Entity) -> None:
    """Whether quotas may be set for it. Raises ApiError INVALID_REQUEST."""
    if not entity:
        raise ApiError(ErrorCode.invalid_request, "a quota is for somebody")
    for kind, name in entity.items():
        if kind not in (USER, CLIENT_ID, IP):
            raise ApiError(ErrorCode.invalid_request, f"there are no quotas of a {kind}")
        if name == "":
            raise ApiError(ErrorCode.invalid_request, f"the name of a {kind} is empty")
    if IP in entity:
        if len(entity) > 1:
            raise ApiError(ErrorCode.invalid_request, "an address has quotas of its own, not those of a user or client")
        _check_address(entity[IP])


def _check_address(name: str | None) -> None:
    if name is None or HOST_NAME.fullmatch(name):
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise ApiError(ErrorCode.invalid_request, f"'{name}' is no address") from None


def _check_limit(entity: Entity, name: str, value: float) -> None:
    if name not in (LIMITS_OF_ADDRESSES if IP in entity else LIMITS_OF_CLIENTS):
        raise ApiError(ErrorCode.invalid_request, f"there is no quota {name} for a {' and a '.join(sorted(entity))}")
    if not value > 0:  # which NaN is not either
        raise ApiError(ErrorCode.invalid_request, f"{name} must be more than 0")
    if math.isinf(value) or value > GREATEST.get(name, value):
        raise ApiError(ErrorCode.invalid_request, f"{name} is too large")
    if name in WHOLE_NUMBERS and (value < 1 or abs(value - round(value)) > TOLERANCE):
        raise ApiError(ErrorCode.invalid_request, f"{name} must be a whole number")

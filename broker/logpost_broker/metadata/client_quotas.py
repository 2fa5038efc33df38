"""Client quotas (KIP-546): kept and described, not enforced. What may be set is what Apache Kafka 4.3 lets be set.

An entity is a user, a client id, both, or an address, each by its name or as the default (null).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator, Mapping

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata.kept_entries import EntryChanges, KeptEntries
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
"""How far a value may be from a whole number."""
HOST_NAME = re.compile(r"(?![0-9.]*\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
"""Digits and dots alone are an address or nothing."""

Entity = Mapping[str, str | None]
"""Type → name, None for the default."""
Limits = Mapping[str, float | None]
"""By the name of the quota."""
Key = frozenset[tuple[str, str | None]]
"""Of an entity."""
QuotaChanges = EntryChanges[Key, QuotaEntry]


class ClientQuotas:
    def __init__(self, metadata: MetadataFile) -> None:
        self._kept: KeptEntries[Key, QuotaEntry] = KeptEntries(
            metadata, "client_quotas", lambda entry: key_of(entry.entity)
        )

    def __iter__(self) -> Iterator[QuotaEntry]:
        return iter(self._kept)

    def changes(self) -> QuotaChanges:
        return self._kept.changes()


def check(entity: Entity, changes: Limits) -> None:
    """Whether these limits may be set, or taken away where they are None. Raises ApiError INVALID_REQUEST."""
    check_entity(entity)
    for name, value in changes.items():
        if value is not None:
            _check_limit(entity, name, value)


def alter(quotas: QuotaChanges, entity: Entity, changes: Limits) -> None:
    """Set limits that are checked. Raises ApiError POLICY_VIOLATION."""
    before = quotas.get(key_of(entity))
    limits = {**({} if before is None else before.limits), **changes}
    left = {name: value for name, value in limits.items() if value is not None}
    quotas.put(key_of(entity), QuotaEntry(entity=dict(entity), limits=left) if left else None)


def key_of(entity: Entity) -> Key:
    return frozenset(entity.items())


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

"""What the journal holds of a classic group."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.coordinator.outcome import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMember:
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    subscription: bytes
    """The member's metadata for the protocol that the group chose."""
    assignment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStored(Event):
    """The group is now this: stable with these members, or empty without any."""

    group_id: str
    protocol_type: str
    generation: int
    protocol: str | None
    leader: str | None
    state_since_ms: int
    members: tuple[StoredMember, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDeleted(Event):
    group_id: str

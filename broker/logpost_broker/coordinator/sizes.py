"""How much members say of themselves, in bytes: what a group keeps, journals and tells its leader."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError

MAX_MEMBER_BYTES = 1024 * 1024
"""Of one member: its names, what it subscribes to, the metadata of its protocols, its topology."""
MAX_GROUP_BYTES = 16 * 1024 * 1024
"""Of all members of a group; of what a leader assigns to them too."""
SMALL_MEMBER_BYTES = 16 * 1024
"""A member that says no more has a place whatever the others say: their number has a limit of its own, and adding up
what a thousand members say takes longer than all else that a join does."""
ITEM_BYTES = 8
"""What each value counts for at least, so that empty ones are not free."""


def said_bytes(value: Any) -> int:
    """Of text, bytes, and what is made of them: dataclasses, mappings, collections."""
    if isinstance(value, str | bytes):
        return ITEM_BYTES + len(value)
    if dataclasses.is_dataclass(value):
        return sum(said_bytes(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return sum(said_bytes(key) + said_bytes(each) for key, each in value.items())
    if isinstance(value, tuple | list | frozenset | set):
        return ITEM_BYTES + sum(map(said_bytes, value))
    return ITEM_BYTES


def require_room(said: Any, others: Iterable[Any]) -> None:
    """Whether a member that says this has a place beside the others. Raises ApiError GROUP_MAX_SIZE_REACHED."""
    own = said_bytes(said)
    if own > MAX_MEMBER_BYTES:
        message = f"a member says at most {MAX_MEMBER_BYTES} bytes of itself, not {own}"
        raise ApiError(ErrorCode.group_max_size_reached, message)
    if own > SMALL_MEMBER_BYTES and own + sum(map(said_bytes, others)) > MAX_GROUP_BYTES:
        message = f"the members of a group say at most {MAX_GROUP_BYTES} bytes of themselves"
        raise ApiError(ErrorCode.group_max_size_reached, message)

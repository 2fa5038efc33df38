"""What a member says of records that it has: done, given back, or wanted for longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError


class AcknowledgeType(IntEnum):
    GAP = 0
    """There is no such record: it was compacted away, or is no data."""
    ACCEPT = 1
    RELEASE = 2
    REJECT = 3
    RENEW = 4
    """Not finished, and wanted for longer (KIP-1222)."""


class Acknowledgement(NamedTuple):
    first_offset: int
    last_offset: int
    types: tuple[int, ...]
    """One for all, or one for each record."""


def check(acknowledgements: Sequence[Acknowledgement]) -> None:
    """Raises ApiError INVALID_REQUEST unless they are in order, do not overlap, and their types fit."""
    end = -1
    for acknowledgement in acknowledgements:
        first, last, types = acknowledgement
        if not end < first <= last:
            raise ApiError(ErrorCode.invalid_request, "batches of acknowledgements overlap or are out of order")
        if len(types) not in (1, last - first + 1):
            raise ApiError(ErrorCode.invalid_request, "a batch has one acknowledge type for all or one for each record")
        if not all(kind in AcknowledgeType._value2member_map_ for kind in types):
            raise ApiError(ErrorCode.invalid_request, "an acknowledge type is 0 to 4")
        end = last


def typed(acknowledgement: Acknowledgement) -> Iterator[tuple[int, int, AcknowledgeType]]:
    """Ranges of one type."""
    first, last, types = acknowledgement
    if len(types) == 1:
        yield first, last, AcknowledgeType(types[0])
        return
    begin = 0
    for number in range(1, len(types) + 1):
        if number == len(types) or types[number] != types[begin]:
            yield first + begin, first + number - 1, AcknowledgeType(types[begin])
            begin = number

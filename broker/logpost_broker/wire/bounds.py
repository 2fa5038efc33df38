"""What a request says of itself, checked before kio reads it: no array may have more elements than bytes are left, all
of them together, with the tagged fields, no more than `MAX_ELEMENTS`, and tagged fields that nobody knows here are
taken out.

kio sets aside room for as many elements as a request claims: a few bytes that claim two thousand million would end the
process. And it refuses a tagged field that its schema lacks, where KIP-482 wants it passed over: a newer client may
send one in a version that we have.
"""

from __future__ import annotations

from typing import Any

from logpost_broker.wire.framing import Frame
from logpost_broker.wire.known_tags import without_unknown_tags
from logpost_broker.wire.walk import Elements, UnknownTagError, entity_step

MAX_ELEMENTS = 100_000
"""In all arrays of a request together, with its tagged fields. One costs a thousand times its bytes while it is handled
and answered."""


class RequestBounds:
    """Of the requests of one entity class."""

    def __init__(self, entity: type[Any]) -> None:
        self._entity = entity
        self._walk = entity_step(entity)

    def checked(self, frame: Frame, position: int) -> tuple[Frame, int]:
        """The request at `position` as kio may read it, and where it begins there. Raises ValueError, and IndexError
        where it is cut short."""
        try:
            self._check(frame, position)
        except UnknownTagError:
            kept = without_unknown_tags(self._entity, frame, position, Elements(MAX_ELEMENTS))
            self._check(kept, 0)
            return kept, 0
        return frame, position

    def has_more_elements(self, frame: Frame, position: int, limit: int) -> bool:
        """Whether the request may have more than `limit` elements in its arrays."""
        try:
            self._walk(frame, position, Elements(limit))
        except (UnknownTagError, ValueError, LookupError):
            return True
        return False

    def _check(self, frame: Frame, position: int) -> None:
        end = self._walk(frame, position, Elements(MAX_ELEMENTS))
        if end > len(frame):
            raise ValueError(f"it ends {end - len(frame)} bytes before its last field does")

"""Where the next page of rows begins: the place of the last row given out, and the time range of the first page, since
`now` moves on while somebody reads. A cursor's text is opaque to clients."""

from __future__ import annotations

import base64
import binascii

import msgspec

from logpost_web.errors import BadArgumentError
from logpost_web.query.timerange import TimeRange


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The sort key of a row, and `topic_ids` of the rows of this key that were given out: where a topic was made again,
    it may have one there, too. `start_ns`, `end_ns`: of the time range."""

    timestamp_ns: int
    topic: str
    partition: int
    offset: int
    topic_ids: tuple[str, ...]
    start_ns: int | None
    end_ns: int | None

    @property
    def key(self) -> tuple[int, str, int, int]:
        return self.timestamp_ns, self.topic, self.partition, self.offset

    @property
    def time_range(self) -> TimeRange:
        return TimeRange(start_ns=self.start_ns, end_ns=self.end_ns)


def encode_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Raises BadArgumentError for a text that `encode_cursor` did not make."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError, ValueError) as error:
        raise BadArgumentError("this cursor is not one that a search has answered") from error

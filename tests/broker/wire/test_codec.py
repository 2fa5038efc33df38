"""An answer is the same bytes whether it is written as a short or as a long one; a long one is in few buffers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from kio.schema.fetch.v17.response import FetchableTopicResponse, FetchResponse, PartitionData

from logpost_broker.api import handled
from logpost_broker.wire.codec import JOINED_BYTES, LARGE_BYTES, VersionCodec
from logpost_broker.wire.convert import TopicNames, blank

FETCH = 1


class NoTopics:
    def by_name(self, name: str) -> None: ...

    def by_id(self, topic_id: UUID | None) -> None: ...


def topics(sizes: list[int]) -> Iterator[FetchableTopicResponse]:
    for number, size in enumerate(sizes):
        partition = blank(PartitionData, records=bytes([number % 256]) * size)
        yield blank(FetchableTopicResponse, topic_id=UUID(int=number), partitions=(partition,))


@pytest.mark.parametrize("version", [12, 17])
@pytest.mark.parametrize(
    ("sizes", "buffers"),
    [
        ([], 2),
        ([10], 2),
        ([LARGE_BYTES - 1, LARGE_BYTES, 5, LARGE_BYTES, LARGE_BYTES], 9),
        ([10] * 6_000, 2 + 6_000 * 100 // JOINED_BYTES),
    ],
)
def test_a_long_answer_is_the_same_bytes(version: int, sizes: list[int], buffers: int) -> None:
    api = handled(FETCH)
    assert api is not None
    codec = VersionCodec(api, version)
    response = blank(FetchResponse, responses=tuple(topics(sizes)))
    names = TopicNames(NoTopics())
    short, long = codec.write(7, response, names), codec.write_long(7, response, names)
    assert b"".join(long) == b"".join(short)
    assert len(long) <= buffers
    assert sum(len(part) >= LARGE_BYTES for part in long) >= sum(size >= LARGE_BYTES for size in sizes)

"""Fetch sessions as plain objects: whom the cache keeps, and that a client who hears changes only knows everything."""

from __future__ import annotations

import itertools
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition
from kio.schema.fetch.v18.response import PartitionData
from kio.static.primitive import Records, i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.fetch_sessions import EVICTION_MS, MAX_INT, FetchedPartition, FetchSession, FetchSessions, Key

TOPIC = uuid.UUID(int=1)


def wanted(*partitions: int, offset: int = 0) -> dict[Key, FetchPartition]:
    return {
        (TOPIC, number): FetchPartition(
            partition=i32(number), fetch_offset=i64(offset), partition_max_bytes=i32(1 << 20)
        )
        for number in partitions
    }


def found(
    high_watermark: int, log_start: int = 0, error: ErrorCode = ErrorCode.none, records: bytes = b""
) -> PartitionData:
    return PartitionData(
        partition_index=i32(0),
        error_code=error,
        high_watermark=i64(high_watermark),
        log_start_offset=i64(log_start),
        aborted_transactions=None,
        records=Records(records),
    )


def sessions(slots: int = 2) -> FetchSessions:
    numbers = itertools.count(1)
    return FetchSessions(lambda: next(numbers), slots)


def opened(cache: FetchSessions, size: int, now_ms: int) -> FetchSession:
    session = cache.open(wanted(*range(size)), by_topic_id=True, now_ms=now_ms)
    assert session is not None
    return session


def is_there(cache: FetchSessions, session: FetchSession, now_ms: int) -> bool:
    try:
        cache.resume(session.id, session.epoch, by_topic_id=True, now_ms=now_ms)
    except ApiError as error:
        assert error.code is ErrorCode.fetch_session_id_not_found
        return False
    return True


def test_a_full_cache_refuses_while_its_sessions_are_young() -> None:
    cache = sessions()
    opened(cache, 1, 0), opened(cache, 1, 0)
    assert cache.open(wanted(*range(9)), by_topic_id=True, now_ms=EVICTION_MS) is None
    assert len(cache) == 2


def test_a_session_that_nobody_uses_gives_way_first() -> None:
    cache = sessions()
    idle, used = opened(cache, 9, 0), opened(cache, 1, 0)
    assert is_there(cache, used, EVICTION_MS)
    opened(cache, 1, EVICTION_MS + 1)
    assert not is_there(cache, idle, EVICTION_MS + 1)
    assert is_there(cache, used, EVICTION_MS + 1)


def test_an_old_session_gives_way_to_a_larger_one_only() -> None:
    cache = sessions()
    small, large = opened(cache, 2, 0), opened(cache, 5, 0)
    now_ms = EVICTION_MS + 1
    for at in (1, now_ms):
        assert is_there(cache, small, at)
        assert is_there(cache, large, at)
    assert cache.open(wanted(0, 1), by_topic_id=True, now_ms=now_ms) is None
    opened(cache, 3, now_ms)
    assert not is_there(cache, small, now_ms)
    assert is_there(cache, large, now_ms)


def test_a_cache_without_slots_makes_no_session() -> None:
    assert sessions(0).open(wanted(0), by_topic_id=True, now_ms=0) is None


def test_all_sessions_together_have_so_many_partitions() -> None:
    """Of 1,000 sessions with the 100,000 partitions of one request each, 50 GB."""
    numbers = itertools.count(1)
    cache = FetchSessions(lambda: next(numbers), slots=10, max_partitions=10)
    small, large = opened(cache, 2, 0), opened(cache, 6, 0)
    assert cache.open(wanted(*range(3)), by_topic_id=True, now_ms=0) is None
    opened(cache, 2, 0)
    cache.update(small, wanted(0, 1, offset=5), ())
    assert is_there(cache, small, 0), "it did not grow"
    assert len(cache.update(small, wanted(2), ()).partitions) == 3, "this request is answered"
    assert not is_there(cache, small, 0)
    assert is_there(cache, large, 0)


def test_ids_are_unique() -> None:
    numbers = iter([7, 7, 7, 8])
    cache = FetchSessions(lambda: next(numbers))
    assert [opened(cache, 1, 0).id for _ in range(2)] == [7, 8]


def test_epochs_follow_each_other_and_begin_again_at_one() -> None:
    cache = sessions()
    session = opened(cache, 1, 0)
    for epoch in (1, 2, 3):
        cache.resume(session.id, epoch, by_topic_id=True, now_ms=0)
    with pytest.raises(ApiError) as raised:
        cache.resume(session.id, 3, by_topic_id=True, now_ms=0)
    assert raised.value.code is ErrorCode.invalid_fetch_session_epoch
    session.epoch = MAX_INT
    assert cache.resume(session.id, MAX_INT, by_topic_id=True, now_ms=0).epoch == 1


def test_what_had_records_is_read_last() -> None:
    session = opened(sessions(), 4, 0)
    session.read_last([(TOPIC, 0), (TOPIC, 2), (TOPIC, 99)])
    assert [number for _, number in session.partitions] == [1, 3, 0, 2]


def test_what_is_forgotten_and_asked_again_is_new() -> None:
    session = opened(sessions(), 2, 0)
    session.partitions[TOPIC, 0].is_news(found(5))
    session.update({}, [(TOPIC, 0)])
    session.update(wanted(0), [])
    assert session.partitions[TOPIC, 0].is_news(found(5))


states = st.tuples(
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([ErrorCode.none, ErrorCode.none, ErrorCode.kafka_storage_error]),
    st.sampled_from([b"", b"", b"records"]),
)


@given(st.lists(states))
def test_a_client_that_hears_only_news_knows_everything(history: list[tuple[int, int, ErrorCode, bytes]]) -> None:
    partition = FetchedPartition(TOPIC, wanted(0)[TOPIC, 0])
    known = None
    for state in history:
        data = found(*state)
        news = partition.is_news(data)
        if news:
            known = (data.high_watermark, data.log_start_offset, data.error_code)
        assert known == (data.high_watermark, data.log_start_offset, data.error_code)
        assert news or not data.records
        assert news or data.error_code is ErrorCode.none


@given(st.integers(0, 4), st.lists(st.tuples(st.integers(1, 6), st.integers(0, EVICTION_MS)), max_size=30))
def test_there_are_never_more_sessions_than_slots(slots: int, arrivals: list[tuple[int, int]]) -> None:
    cache = sessions(slots)
    now_ms = 0
    for size, later_ms in arrivals:
        now_ms += later_ms
        before = len(cache)
        session = cache.open(wanted(*range(size)), by_topic_id=True, now_ms=now_ms)
        assert len(cache) <= slots
        assert session is not None or before == slots

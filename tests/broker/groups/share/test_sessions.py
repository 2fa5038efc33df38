"""Share sessions: their epochs, and room for new ones."""

from __future__ import annotations

import uuid

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.share.sessions import (
    FINAL_EPOCH,
    LAST_EPOCH,
    ShareSession,
    ShareSessions,
    TopicIdPartition,
    update,
)

TOPIC = uuid.UUID(int=1)


def refused(sessions: ShareSessions, member: str, epoch: int) -> ErrorCode:
    with pytest.raises(ApiError) as raised:
        sessions.next("g", member, epoch, 0)
    return raised.value.code


def test_epochs_follow_each_other() -> None:
    sessions = ShareSessions(10, 1_000)
    sessions.open("g", "a", 0)
    sessions.next("g", "a", 1, 0)
    assert refused(sessions, "a", 1) is ErrorCode.invalid_share_session_epoch
    sessions.next("g", "a", 2, 0)
    sessions.next("g", "a", FINAL_EPOCH, 0)
    assert refused(sessions, "b", 1) is ErrorCode.share_session_not_found


def test_epochs_begin_again_after_the_last() -> None:
    sessions = ShareSessions(10, 1_000)
    sessions.open("g", "a", 0).epoch = LAST_EPOCH
    assert sessions.next("g", "a", LAST_EPOCH, 0).epoch == 1


def test_an_idle_session_makes_room() -> None:
    sessions = ShareSessions(2, 1_000)
    sessions.open("g", "a", 0)
    sessions.open("g", "b", 0)
    sessions.next("g", "b", 1, 500)
    with pytest.raises(ApiError) as raised:
        sessions.open("g", "c", 999)
    assert raised.value.code is ErrorCode.share_session_limit_reached
    sessions.open("g", "c", 1_000)
    assert refused(sessions, "a", 1) is ErrorCode.share_session_not_found


def test_partitions_take_turns() -> None:
    session = ShareSession()
    places = [TopicIdPartition(TOPIC, number) for number in range(3)]
    update(session, places, ())
    session.rotate()
    assert list(session.partitions) == [places[1], places[2], places[0]]
    update(session, [places[1]], [places[2]])
    assert list(session.partitions) == [places[1], places[0]]

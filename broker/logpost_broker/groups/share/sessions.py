"""Share sessions (KIP-932): which partitions a member fetches, said once, and an epoch that orders its requests. They
are not durable: after a restart members open new ones."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError

OPENING_EPOCH = 0
FINAL_EPOCH = -1
LAST_EPOCH = 2**31 - 1


class TopicIdPartition(NamedTuple):
    topic_id: uuid.UUID
    partition: int


@dataclass(slots=True)
class ShareSession:
    epoch: int = 1
    """That of the next request."""
    partitions: dict[TopicIdPartition, None] = field(default_factory=dict)
    """In the order to look at them."""
    used_ms: int = 0

    def rotate(self) -> None:
        """What was looked at first comes last, so that no partition starves."""
        if self.partitions:
            first = next(iter(self.partitions))
            del self.partitions[first]
            self.partitions[first] = None


class ShareSessions:
    def __init__(self, max_sessions: int, idle_ms: int) -> None:
        """`idle_ms`: a session that was not used for so long makes room for another where there is none."""
        self._max_sessions = max_sessions
        self._idle_ms = idle_ms
        self._sessions: dict[tuple[str, str], ShareSession] = {}

    def open(self, group_id: str, member_id: str, now_ms: int) -> ShareSession:
        """In place of one that the member had. Raises ApiError SHARE_SESSION_LIMIT_REACHED."""
        self._sessions.pop((group_id, member_id), None)
        if len(self._sessions) >= self._max_sessions:
            self._drop_idle(now_ms)
        if len(self._sessions) >= self._max_sessions:
            raise ApiError(ErrorCode.share_session_limit_reached, f"there are {self._max_sessions} share sessions")
        session = self._sessions[group_id, member_id] = ShareSession(used_ms=now_ms)
        return session

    def _drop_idle(self, now_ms: int) -> None:
        idle = [key for key, session in self._sessions.items() if session.used_ms + self._idle_ms <= now_ms]
        for key in idle:
            del self._sessions[key]

    def next(self, group_id: str, member_id: str, epoch: int, now_ms: int) -> ShareSession:
        """The session of a request that is in its turn. Raises ApiError: SHARE_SESSION_NOT_FOUND,
        INVALID_SHARE_SESSION_EPOCH."""
        session = self._sessions.get((group_id, member_id))
        if session is None:
            raise ApiError(ErrorCode.share_session_not_found, "the member has no share session")
        if epoch not in (session.epoch, FINAL_EPOCH):
            raise ApiError(ErrorCode.invalid_share_session_epoch, f"expected epoch {session.epoch}, got {epoch}")
        session.epoch = 1 if session.epoch == LAST_EPOCH else session.epoch + 1
        session.used_ms = now_ms
        return session

    def is_open(self, group_id: str, member_id: str, session: ShareSession) -> bool:
        return self._sessions.get((group_id, member_id)) is session

    def close(self, group_id: str, member_id: str) -> None:
        self._sessions.pop((group_id, member_id), None)


def update(session: ShareSession, wanted: Iterable[TopicIdPartition], forgotten: Iterable[TopicIdPartition]) -> None:
    """What a request says of the session's partitions."""
    for place in wanted:
        session.partitions.setdefault(place)
    for place in forgotten:
        session.partitions.pop(place, None)

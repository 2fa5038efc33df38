"""One group, driven through the pure coordinator with a clock of its own: journaled as bytes, timers rung in order."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Mapping
from typing import TypeVar

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Event, Outcome, Reply, SetTimer
from logpost_broker.groups.classic.listing import DescribedGroup
from logpost_broker.groups.classic.messages import (
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinReply,
    Leave,
    LeaveReply,
    LeavingMember,
    Sync,
    SyncReply,
)
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.offsets.messages import Commit, CommitReply, OffsetToCommit
from logpost_broker.groups.records import from_record, to_record
from logpost_broker.metadata.group_limits import GroupLimits
from tests.broker.groups.core import coordinator

GROUP = "g"
SESSION_MS = 10_000
REBALANCE_MS = 60_000

R = TypeVar("R", bound=Reply)


def subscription(*topics: str, owned: bytes = b"") -> bytes:
    """ConsumerProtocolSubscription, version 1. `owned` stands for what follows the user data."""
    names = b"".join(struct.pack(">h", len(topic)) + topic.encode() for topic in topics)
    return struct.pack(">hi", 1, len(topics)) + names + struct.pack(">i", -1) + owned


RANGE = (("range", subscription("logs")),)


class Call:
    """A request that may be answered later."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.reply: Reply | None = None


class GroupHarness:
    def __init__(self, limits: GroupLimits | None = None) -> None:
        self.limits = limits or GroupLimits()
        self.core = coordinator(limits=self.limits)
        self.now_ms = 1_000_000
        self.timers: dict[Hashable, int] = {}
        self.journal: list[tuple[bytes, bytes | None]] = []
        self.ids: dict[str, str] = {}
        """Member's name → id."""
        self.generations: dict[str, int] = {}
        """Member's name → the generation it was told."""
        self.calls: list[Call] = []
        self._lives = 0

    @property
    def group(self) -> DescribedGroup:
        described = self.core.describe(GROUP)
        return described or DescribedGroup(group_id=GROUP, state=GroupState.DEAD)

    @property
    def state(self) -> GroupState:
        return self.group.state

    def assignment(self, name: str) -> bytes:
        return {member.member_id: member.assignment for member in self.group.members}[self.ids[name]]

    def join(
        self,
        name: str,
        *,
        member_id: str | None = None,
        static: bool = False,
        protocols: tuple[tuple[str, bytes], ...] = RANGE,
        protocol_type: str = "consumer",
        session_ms: int = SESSION_MS,
        asks_for_id: bool = False,
        version: int = 5,
        group_id: str = GROUP,
    ) -> Call:
        """Join, or join again under the id it has. `asks_for_id`: as a client of JoinGroup v4 and later does."""
        self._lives += 1
        request = Join(
            group_id=group_id,
            member_id=self.ids.get(name, "") if member_id is None else member_id,
            new_member_id=f"{name}-{self._lives}",
            instance_id=name if static else None,
            client_id="client",
            client_host="/127.0.0.1",
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=REBALANCE_MS,
            protocol_type=protocol_type,
            protocols=protocols,
            requires_known_member_id=asks_for_id,
            supports_skip_assignment=version >= 9,
        )
        call = self._call(name)
        self.carry_out(self.core.join(request, call, self.now_ms))
        return call

    def restart(self, name: str, *, protocols: tuple[tuple[str, bytes], ...] = RANGE, version: int = 5) -> Call:
        """A static member's new process, which knows nothing but its instance id."""
        return self.join(name, member_id="", static=True, protocols=protocols, version=version)

    def sync(
        self, name: str, assignments: Mapping[str, bytes] | None = None, *, static: bool = False, **changes: object
    ) -> Call:
        """`assignments`: member's name → its share, from the leader."""
        fields: dict[str, object] = {
            "group_id": GROUP,
            "member_id": self.ids[name],
            "instance_id": name if static else None,
            "generation": self.generations.get(name, -1),
            "protocol_type": None,
            "protocol": None,
            "assignments": {self.ids[other]: share for other, share in (assignments or {}).items()},
        }
        call = self._call(name)
        self.carry_out(self.core.sync(Sync(**{**fields, **changes}), call, self.now_ms))  # type: ignore[arg-type]  # fields by name
        return call

    def heartbeat(self, name: str, *, generation: int | None = None, static: bool = False) -> ErrorCode:
        call = self._call(name)
        request = Heartbeat(
            group_id=GROUP,
            member_id=self.ids[name],
            instance_id=name if static else None,
            generation=self.generations.get(name, -1) if generation is None else generation,
        )
        self.carry_out(self.core.heartbeat(request, call, self.now_ms))
        return answer(call, HeartbeatReply).code

    def leave(self, *members: LeavingMember) -> list[ErrorCode]:
        call = self._call("")
        self.carry_out(self.core.leave(Leave(group_id=GROUP, members=members), call, self.now_ms))
        return [code for _, code in answer(call, LeaveReply).members]

    def leave_as(self, name: str) -> ErrorCode:
        return self.leave(LeavingMember(member_id=self.ids[name], instance_id=None))[0]

    def commit(
        self, name: str | None, offset: int, *, metadata: str = "", generation: int | None = None, topic: str = "logs"
    ) -> ErrorCode:
        """As a member, or as nobody in particular."""
        call = self._call("")
        known = -1 if name is None else self.generations[name]
        request = Commit(
            group_id=GROUP,
            member_id="" if name is None else self.ids[name],
            instance_id=None,
            generation=known if generation is None else generation,
            offsets=(OffsetToCommit(topic=topic, partition=0, offset=offset, leader_epoch=-1, metadata=metadata),),
        )
        self.carry_out(self.core.offsets.commit(request, call, self.now_ms))
        reply = answer(call, CommitReply)
        return reply.code if reply.code is not ErrorCode.none else reply.codes[topic, 0]

    def committed(self, topic: str = "logs") -> int | None:
        event = self.core.offsets.committed(GROUP).get((topic, 0))
        return None if event is None else event.offset

    def expire_offsets(self) -> None:
        offsets = [*self.core.offsets.committed(GROUP).values()]
        self.carry_out(self.core.offsets.expire(GROUP, offsets, self.now_ms))

    def forget_topic(self, name: str) -> None:
        for outcome in self.core.offsets.forget_topics(lambda topic: topic == name):
            self.carry_out(outcome)

    def stable(self, *names: str, static: bool = False) -> None:
        """A stable group of these members; the first leads."""
        calls = [self.join(name, static=static) for name in names]
        if len(names) > 1:  # the first was alone in a generation: it comes back and leads all of them
            self.join(names[0], static=static)
        assert all(answer(call, JoinReply) for call in calls)
        for name in reversed(names):
            shares = {other: f"share of {other}".encode() for other in names} if name == names[0] else None
            self.sync(name, shares, static=static)
        assert self.state is GroupState.STABLE

    def sleep(self, duration_ms: int) -> None:
        """Let time pass and ring what is due, in order."""
        end = self.now_ms + duration_ms
        while due := [(at, str(key), key) for key, at in self.timers.items() if at <= end]:
            at, _, key = min(due)
            del self.timers[key]
            self.now_ms = max(self.now_ms, at)
            self.carry_out(self.core.expire(key, self.now_ms))
        self.now_ms = end

    def carry_out(self, outcome: Outcome) -> None:
        for event in outcome.events:
            self.journal.append(written(event))
            self.core.apply(event)
        for timer in outcome.timers:
            if isinstance(timer, SetTimer) and timer.unless_set and timer.key in self.timers:
                continue
            self.timers.pop(timer.key, None)
            if isinstance(timer, SetTimer):
                self.timers[timer.key] = timer.at_ms
        for waiter, reply in outcome.replies:
            assert isinstance(waiter, Call)
            assert waiter.reply is None, f"{waiter.member} is answered twice"
            waiter.reply = reply
            if isinstance(reply, JoinReply) and reply.member_id:
                self.ids[waiter.member] = reply.member_id
                self.generations[waiter.member] = reply.generation

    def crash_and_replay(self) -> None:
        """The broker is killed and started again: the journal is all that is left, requests get no answer any more."""
        self.core = coordinator(limits=self.limits)
        self.timers = {}
        for key, value in self.journal:
            self.core.apply(from_record(key, value))
        self.calls = [call for call in self.calls if call.reply is not None]
        self.carry_out(self.core.resume(self.now_ms))

    def _call(self, member: str) -> Call:
        call = Call(member)
        self.calls.append(call)
        return call


def written(event: Event) -> tuple[bytes, bytes | None]:
    """As the journal has it. Transactions are in `offsets/test_pending.py`."""
    return to_record(event)


def answer(call: Call, kind: type[R]) -> R:
    """The reply, which has to be there."""
    assert isinstance(call.reply, kind), f"{call.member} has no {kind.__name__}: {call.reply}"
    return call.reply


def joined(call: Call) -> JoinReply:
    return answer(call, JoinReply)


def synced(call: Call) -> SyncReply:
    return answer(call, SyncReply)

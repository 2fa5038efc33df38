"""A classic group and its members: the data, and what can be read off it. The rules are in `joining.py`,
`rebalance.py` and `membership.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Waiter
from logpost_broker.coordinator.sizes import said_bytes
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.events import GroupStored, StoredMember
from logpost_broker.groups.classic.messages import JoinedMember
from logpost_broker.groups.classic.states import ALLOWED_BEFORE, GroupState

Protocols = tuple[tuple[str, bytes], ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: Protocols
    assignment: bytes = b""
    join_waiter: Waiter | None = None
    sync_waiter: Waiter | None = None
    owes_sync: bool = False
    """It joined the present generation and has not asked for its assignment yet."""
    said_bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.weigh()

    def weigh(self) -> None:
        """To be called when what it says of itself has changed."""
        self.said_bytes = said_bytes((self.member_id, self.instance_id, self.client_id, self.protocols))

    def metadata(self, protocol: str | None) -> bytes:
        return dict(self.protocols).get(protocol or "", b"")

    @classmethod
    def restored(cls, stored: StoredMember, protocol: str | None) -> Member:
        """A member as the journal knows it: only the chosen protocol's metadata is kept there."""
        return cls(
            member_id=stored.member_id,
            instance_id=stored.instance_id,
            client_id=stored.client_id,
            client_host=stored.client_host,
            session_timeout_ms=stored.session_timeout_ms,
            rebalance_timeout_ms=stored.rebalance_timeout_ms,
            protocols=((protocol or "", stored.subscription),),
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    group_id: str
    state: GroupState = GroupState.EMPTY
    state_since_ms: int = -1
    generation: int = 0
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    """Member id → member, in the order of joining."""
    pending: set[str] = field(default_factory=set)
    """Ids given out to members that have not come back with them."""
    initial_until_ms: int | None = None
    """While the first rebalance waits for more members: when it ends at the latest."""
    grew: bool = False
    """A member came since that wait was last extended."""
    stored: GroupStored | None = None
    """The newest journaled state, for the snapshot."""

    def move(self, state: GroupState, now_ms: int) -> None:
        """Raises RuntimeError for a move that `states.py` does not allow; nothing is changed then."""
        if self.state not in ALLOWED_BEFORE[state]:
            raise RuntimeError(f"group {self.group_id} cannot go from {self.state.value} to {state.value}")
        self.state = state
        self.state_since_ms = now_ms

    def is_in(self, *states: GroupState) -> bool:
        return self.state in states

    @property
    def said_bytes(self) -> int:
        return said_bytes((self.group_id, self.pending)) + sum(member.said_bytes for member in self.members.values())

    @property
    def is_unused(self) -> bool:
        """Nothing would be lost by forgetting it."""
        return not self.members and not self.pending and self.stored is None

    @property
    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def static_member(self, instance_id: str | None) -> Member | None:
        if instance_id is None:
            return None
        return next((member for member in self.members.values() if member.instance_id == instance_id), None)

    def member(self, member_id: str, instance_id: str | None) -> Member:
        """The member that a request says it is from.

        Raises ApiError: UNKNOWN_MEMBER_ID; FENCED_INSTANCE_ID when another process has taken its instance id over.
        """
        if instance_id is not None:
            holder = self.static_member(instance_id)
            if holder is None:
                raise ApiError(ErrorCode.unknown_member_id)
            if holder.member_id != member_id:
                raise ApiError(ErrorCode.fenced_instance_id)
            return holder
        if member_id not in self.members:
            raise ApiError(ErrorCode.unknown_member_id)
        return self.members[member_id]

    def accepts(self, protocol_type: str, protocols: Protocols, replaced: Member | None) -> bool:
        """Whether a member with these protocols, in the place of `replaced`, would leave one that all support."""
        others = [member for member in self.members.values() if member is not replaced]
        if not protocol_type or not protocols:
            return False
        return not others or (
            protocol_type == self.protocol_type and not _supported_by(others).isdisjoint(dict(protocols))
        )

    def chosen_protocol(self) -> str:
        """Each member votes for the first of its protocols that all support; most votes win, and at a tie the vote
        that was cast first. There are members."""
        candidates = _supported_by(self.members.values())
        votes = Counter(
            next(name for name, _ in member.protocols if name in candidates) for member in self.members.values()
        )
        return max(votes, key=votes.__getitem__)

    def joined_members(self) -> tuple[JoinedMember, ...]:
        return tuple(
            JoinedMember(
                member_id=member.member_id,
                instance_id=member.instance_id,
                metadata=member.metadata(self.protocol),
            )
            for member in self.members.values()
        )

    def rename(self, member: Member, member_id: str) -> None:
        """A static member came back under a new id. It keeps its place, and the lead if it had it."""
        if self.leader == member.member_id:
            self.leader = member_id
        self.members = {member_id if other is member else other_id: other for other_id, other in self.members.items()}
        member.member_id = member_id

    def as_stable(self, now_ms: int, *, assignments: Mapping[str, bytes], renamed: Mapping[str, str]) -> GroupStored:
        """The event that makes the group stable. `assignments`: member id → assignment, what it has where left out;
        `renamed`: old member id → new one."""
        return GroupStored(
            group_id=self.group_id,
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=None if self.leader is None else renamed.get(self.leader, self.leader),
            state_since_ms=now_ms,
            members=tuple(_stored(self.members.values(), self.protocol, assignments, renamed)),
        )

    def as_empty(self, now_ms: int) -> GroupStored:
        """The event of the generation without members."""
        return GroupStored(
            group_id=self.group_id,
            protocol_type=self.protocol_type or "",
            generation=self.generation + 1,
            protocol=None,
            leader=None,
            state_since_ms=now_ms,
            members=(),
        )

    def apply(self, event: GroupStored) -> None:
        """Become what was journaled: at once after the decision, and again at replay."""
        self.members = {stored.member_id: self._as_member(stored, event.protocol) for stored in event.members}
        self.move(GroupState.STABLE if self.members else GroupState.EMPTY, event.state_since_ms)
        self.generation = event.generation
        self.protocol_type = event.protocol_type
        self.protocol = event.protocol
        self.leader = event.leader
        self.stored = event

    def _as_member(self, stored: StoredMember, protocol: str | None) -> Member:
        known = self.members.get(stored.member_id) or self.static_member(stored.instance_id)
        if known is None or (protocol, stored.subscription) not in known.protocols:
            known = Member.restored(stored, protocol)
        known.member_id = stored.member_id
        known.assignment = stored.assignment
        return known


def _supported_by(members: Iterable[Member]) -> set[str]:
    return set.intersection(*(set(dict(member.protocols)) for member in members))


def _stored(
    members: Iterable[Member], protocol: str | None, assignments: Mapping[str, bytes], renamed: Mapping[str, str]
) -> Iterable[StoredMember]:
    for member in members:
        yield StoredMember(
            member_id=renamed.get(member.member_id, member.member_id),
            instance_id=member.instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            session_timeout_ms=member.session_timeout_ms,
            rebalance_timeout_ms=member.rebalance_timeout_ms,
            subscription=member.metadata(protocol),
            assignment=assignments.get(member.member_id, member.assignment),
        )

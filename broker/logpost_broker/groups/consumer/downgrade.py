"""A consumer group whose last member of the new protocol is gone becomes a classic group (KIP-848, "Downgrade")."""

from __future__ import annotations

from logpost_broker.groups.classic.group import Group, Member
from logpost_broker.groups.classic.subscription import CONSUMER
from logpost_broker.groups.classic.timer_keys import CallBackTimer, SessionTimer
from logpost_broker.groups.consumer.classic_protocol import assignment_of, read_subscription
from logpost_broker.groups.consumer.events import ClassicMember, MemberStored
from logpost_broker.groups.consumer.timer_keys import MEMBER_TIMERS
from logpost_broker.groups.consumer.work import Work


def downgrade(work: Work) -> None:
    """Its members are those that are left, all of the classic protocol; what each has stays its own until they have
    agreed on who gets the rest. There is no leader yet, which calls them back at once, or after a crash."""
    group, draft = work.group, work.draft
    classic = Group(group_id=group.group_id, generation=group.epoch, protocol_type=CONSUMER)
    classic.members = {member.member_id: _member(member) for member in group.members.values()}
    classic.protocol = classic.chosen_protocol()
    names = {topic.id: name for name, topic in work.image.topics.items()}
    assignments = {}
    for member_id, member in classic.members.items():
        version = read_subscription(member.metadata(classic.protocol)).version
        assigned = group.current_of(member_id).assigned
        assignments[member_id] = assignment_of([(names[id_], n) for id_, n in assigned if id_ in names], version)
    for tombstone in list(group.tombstones()):
        work.emit(tombstone)
    draft.events.append(classic.as_stable(draft.now_ms, assignments=assignments, renamed={}))
    for member in classic.members.values():
        for timer in MEMBER_TIMERS:
            draft.cancel_timer(timer(group.group_id, member.member_id))
        draft.set_timer(SessionTimer(group.group_id, member.member_id), member.session_timeout_ms)
    draft.set_timer(CallBackTimer(group.group_id), 0)


def _member(stored: MemberStored) -> Member:
    classic = stored.classic
    assert isinstance(classic, ClassicMember)
    return Member(
        member_id=stored.member_id,
        instance_id=stored.instance_id,
        client_id=stored.client_id,
        client_host=stored.client_host,
        session_timeout_ms=classic.session_timeout_ms,
        rebalance_timeout_ms=stored.rebalance_timeout_ms,
        protocols=classic.protocols,
    )

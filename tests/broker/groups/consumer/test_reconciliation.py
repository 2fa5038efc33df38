"""One member's way to its target, transition by transition."""

from __future__ import annotations

import uuid
from dataclasses import replace

from logpost_broker.groups.consumer.events import CurrentStored, MemberState, Partitions
from logpost_broker.groups.consumer.reconciliation import reconcile

TOPIC = uuid.UUID(int=1)
NOTHING: Partitions = frozenset()


def places(*partitions: int) -> Partitions:
    return frozenset((TOPIC, partition) for partition in partitions)


def since(epoch: int, *partitions: int) -> dict[tuple[uuid.UUID, int], int]:
    return dict.fromkeys(places(*partitions), epoch)


def free(partitions: Partitions) -> Partitions:
    return NOTHING


STABLE = CurrentStored(
    group_id="g",
    member_id="m",
    epoch=4,
    previous_epoch=3,
    state=MemberState.STABLE,
    assigned=places(0, 1),
    revoking=NOTHING,
)
UNREVOKED = replace(STABLE, state=MemberState.UNREVOKED_PARTITIONS, assigned=places(0), revoking=places(1))
UNRELEASED = replace(STABLE, state=MemberState.UNRELEASED_PARTITIONS)


def test_who_has_its_target_stays() -> None:
    assert reconcile(STABLE, places(0, 1), 4, None, free) is STABLE


def test_a_new_epoch_with_the_same_target_is_taken_at_once() -> None:
    assert reconcile(STABLE, places(0, 1), 7, None, free) == replace(STABLE, epoch=7, previous_epoch=4)


def test_what_is_free_is_given_at_once() -> None:
    expected = replace(STABLE, epoch=5, previous_epoch=4, assigned=places(0, 1, 2), assignment_epochs=since(5, 2))
    assert reconcile(STABLE, places(0, 1, 2), 5, None, free) == expected


def test_who_has_too_much_lets_go_first_and_gets_nothing_before() -> None:
    assert reconcile(STABLE, places(0, 2), 5, None, free) == UNREVOKED
    assert reconcile(STABLE, places(0, 2), 5, places(0, 1), free) == UNREVOKED


def test_who_has_not_let_go_stays_whatever_the_target_is() -> None:
    for owned in (None, places(0, 1), places(1)):
        assert reconcile(UNREVOKED, places(0, 1, 2), 9, owned, free) is UNREVOKED


def test_who_has_let_go_gets_what_is_free() -> None:
    expected = replace(STABLE, epoch=5, previous_epoch=4, assigned=places(0, 2), assignment_epochs=since(5, 2))
    assert reconcile(UNREVOKED, places(0, 2), 5, places(0), free) == expected


def test_who_never_had_what_it_shall_let_go_need_not() -> None:
    expected = replace(STABLE, epoch=5, previous_epoch=4, assigned=places(2), assignment_epochs=since(5, 2))
    assert reconcile(STABLE, places(2), 5, NOTHING, free) == expected


def test_what_others_hold_is_waited_for() -> None:
    waiting = reconcile(STABLE, places(0, 1, 2, 3), 5, None, lambda wanted: wanted & places(3))
    assert waiting == replace(
        UNRELEASED, epoch=5, previous_epoch=4, assigned=places(0, 1, 2), assignment_epochs=since(5, 2)
    )
    assert reconcile(waiting, places(0, 1, 2, 3), 5, None, lambda wanted: wanted & places(3)) == waiting
    assert reconcile(waiting, places(0, 1, 2, 3), 5, None, free) == replace(
        waiting, state=MemberState.STABLE, assigned=places(0, 1, 2, 3), assignment_epochs=since(5, 2, 3)
    )


def test_who_waits_learns_of_a_new_target() -> None:
    assert reconcile(UNRELEASED, places(0), 6, None, free) == replace(UNREVOKED, assigned=places(0))


def test_it_is_remembered_since_when_a_member_has_what_it_has() -> None:
    old = replace(STABLE, assignment_epochs=since(2, 0) | since(4, 1))
    told = reconcile(old, places(0, 2), 5, None, free)
    assert told.assignment_epochs == since(2, 0) | since(4, 1), "until it has let go"
    assert reconcile(told, places(0, 2), 5, places(0), free).assignment_epochs == since(2, 0) | since(5, 2)

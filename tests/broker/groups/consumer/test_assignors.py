"""What every assignment has to be, whatever the members, the topics and what was before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.groups.consumer.assignors import ASSIGNORS, Assignor
from logpost_broker.groups.consumer.events import Partitions
from logpost_broker.groups.consumer.range_assignor import assign_ranges
from logpost_broker.groups.consumer.uniform_assignor import assign_uniformly

TOPICS = [uuid.UUID(int=number) for number in range(1, 5)]
MEMBERS = ["a", "b", "c", "d"]

topics = st.dictionaries(st.sampled_from(TOPICS), st.integers(0, 9))
subscriptions = st.dictionaries(
    st.sampled_from(MEMBERS), st.frozensets(st.sampled_from(TOPICS), max_size=4), min_size=1
)
previous = st.dictionaries(
    st.sampled_from(MEMBERS),
    st.frozensets(st.tuples(st.sampled_from(TOPICS), st.integers(0, 12)), max_size=20),
)
Subscriptions = Mapping[str, frozenset[uuid.UUID]]


def wanted(subscribed: Subscriptions, sizes: Mapping[uuid.UUID, int]) -> list[tuple[uuid.UUID, int]]:
    named = frozenset[uuid.UUID]().union(*subscribed.values())
    return sorted((topic, partition) for topic in named for partition in range(sizes.get(topic, 0)))


@given(assignor=st.sampled_from([*ASSIGNORS.values()]), subscribed=subscriptions, sizes=topics, before=previous)
def test_everything_that_is_subscribed_is_assigned_once_to_a_subscriber(
    assignor: Assignor, subscribed: Subscriptions, sizes: Mapping[uuid.UUID, int], before: Mapping[str, Partitions]
) -> None:
    assigned = assignor(subscribed, sizes, before)
    assert assigned.keys() == subscribed.keys()
    assert sorted(place for partitions in assigned.values() for place in partitions) == wanted(subscribed, sizes)
    assert all(topic in subscribed[member] for member, places in assigned.items() for topic, _ in places)


@given(subscribed=subscriptions, sizes=topics, before=previous)
def test_uniform_leaves_no_partition_with_a_member_that_has_two_more_than_another_subscriber(
    subscribed: Subscriptions, sizes: Mapping[uuid.UUID, int], before: Mapping[str, Partitions]
) -> None:
    assigned = assign_uniformly(subscribed, sizes, before)
    for rich, places in assigned.items():
        for topic in {topic for topic, _ in places}:
            others = [len(assigned[poor]) for poor in subscribed if topic in subscribed[poor]]
            assert len(assigned[rich]) - min(others) < 2


@given(subscribed=subscriptions, sizes=topics, before=previous)
def test_uniform_keeps_an_assignment_that_fits(
    subscribed: Subscriptions, sizes: Mapping[uuid.UUID, int], before: Mapping[str, Partitions]
) -> None:
    once = assign_uniformly(subscribed, sizes, before)
    assert assign_uniformly(subscribed, sizes, once) == once


@given(members=st.integers(1, 6), partitions=st.integers(0, 40))
def test_uniform_moves_no_more_than_a_new_member_needs(members: int, partitions: int) -> None:
    topic = TOPICS[0]
    before = {str(member): frozenset({topic}) for member in range(members)}
    first = assign_uniformly(before, {topic: partitions}, {})
    after = assign_uniformly({**before, "new": frozenset({topic})}, {topic: partitions}, first)
    moved = sum(len(first[member] - after[member]) for member in before)
    assert moved == len(after["new"]) == partitions // (members + 1)


@given(members=st.integers(2, 6), partitions=st.integers(0, 40))
def test_uniform_takes_nothing_from_those_who_stay_when_one_goes(members: int, partitions: int) -> None:
    topic = TOPICS[0]
    everyone = {str(member): frozenset({topic}) for member in range(members)}
    first = assign_uniformly(everyone, {topic: partitions}, {})
    rest = {member: subscribed for member, subscribed in everyone.items() if member != "0"}
    after = assign_uniformly(rest, {topic: partitions}, first)
    assert all(first[member] <= after[member] for member in rest)


@given(members=st.frozensets(st.sampled_from(MEMBERS), min_size=1), partitions=st.integers(0, 12), before=previous)
def test_range_gives_a_member_the_same_partitions_of_topics_that_go_together(
    members: frozenset[str], partitions: int, before: Mapping[str, Partitions]
) -> None:
    one, other = TOPICS[:2]
    both = {member: frozenset({one, other}) for member in members}
    for places in assign_ranges(both, {one: partitions, other: partitions}, before).values():
        of_one = sorted(partition for topic, partition in places if topic == one)
        of_other = sorted(partition for topic, partition in places if topic == other)
        assert of_one == of_other
        assert not of_one or of_one == list(range(of_one[0], of_one[-1] + 1)), "consecutive"

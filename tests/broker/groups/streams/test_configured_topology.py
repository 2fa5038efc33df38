"""How many tasks a topology has, which internal topics it needs, and what keeps it from running."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.streams.configured_topology import configure
from logpost_broker.groups.streams.statuses import StatusCode
from logpost_broker.groups.streams.topology import CopartitionGroup, InternalTopic, Subtopology, Topology
from logpost_broker.metadata.topics_image import TopicsImage
from tests.broker.groups.streams.harness import WORD_COUNT, image


def internal(name: str, partitions: int = 0) -> InternalTopic:
    return InternalTopic(name=name, partitions=partitions, replication_factor=0)


def topology(*parts: Subtopology) -> Topology:
    return Topology(epoch=0, subtopologies=parts)


def missing(configured: Topology, topics: TopicsImage) -> dict[str, int]:
    return {topic.name: topic.partitions for topic in configure(configured, topics).missing_topics}


def problem(configured: Topology, topics: TopicsImage) -> tuple[StatusCode, str]:
    status = configure(configured, topics).problem
    assert status is not None
    return status.code, status.detail


def test_internal_topics_are_as_many_as_the_input() -> None:
    assert missing(WORD_COUNT, image(lines=3)) == {"app-words-repartition": 3, "app-counts-changelog": 3}


def test_a_topology_is_ready_when_all_is_there() -> None:
    configured = configure(WORD_COUNT, image(lines=3, app_words_repartition=3, app_counts_changelog=3))
    assert configured.is_ready
    assert {part.id: part.tasks for part in configured.subtopologies.values()} == {"0": 3, "1": 3}


def test_missing_source_topics_are_named() -> None:
    reads = topology(Subtopology(id="0", source_topics=("e", "d", "c", "b", "a", "there")))
    assert problem(reads, image(there=1)) == (
        StatusCode.MISSING_SOURCE_TOPICS,
        "Source topics a, b, c and 2 additional topics are missing.",
    )


def test_a_changelog_has_a_partition_for_each_task_of_the_largest_input() -> None:
    joins = topology(Subtopology(id="0", source_topics=("a", "b"), changelogs=(internal("store"),)))
    assert missing(joins, image(a=2, b=5)) == {"store": 5}


def test_repartition_topics_may_read_from_each_other() -> None:
    chain = topology(
        Subtopology(id="2", repartition_sources=(internal("second"),), changelogs=(internal("store"),)),
        Subtopology(id="1", repartition_sources=(internal("first"),), repartition_sinks=("second",)),
        Subtopology(id="0", source_topics=("in",), repartition_sinks=("first",)),
    )
    assert missing(chain, image(**{"in": 7})) == {"first": 7, "second": 7, "store": 7}


def test_a_number_of_the_application_holds() -> None:
    fixed = topology(
        Subtopology(id="0", source_topics=("in",), repartition_sinks=("wide",)),
        Subtopology(id="1", repartition_sources=(internal("wide", 9),), changelogs=(internal("store"),)),
    )
    assert missing(fixed, image(**{"in": 2})) == {"wide": 9, "store": 9}


def joined(*repartitions: InternalTopic, source: str | None = None) -> Topology:
    """A subtopology that joins these; "few" and "many" are written to them."""
    names = [topic.name for topic in repartitions]
    sources = () if source is None else (source,)
    group = CopartitionGroup(
        source_topics=tuple(range(len(sources))), repartition_sources=tuple(range(len(repartitions)))
    )
    writers = [
        Subtopology(id=f"writer {index}", source_topics=(topic,), repartition_sinks=tuple(names[index : index + 1]))
        for index, topic in enumerate(("few", "many")[: len(names)])
    ]
    join = Subtopology(id="join", source_topics=sources, repartition_sources=repartitions, copartition_groups=(group,))
    return topology(*writers, join)


def test_joined_repartition_topics_are_as_many_as_the_largest() -> None:
    assert missing(joined(internal("x"), internal("y")), image(few=2, many=6)) == {"x": 6, "y": 6}


def test_joined_repartition_topics_follow_the_fixed_one() -> None:
    assert missing(joined(internal("x", 4), internal("y")), image(few=2, many=6)) == {"x": 4, "y": 4}


def test_a_repartition_topic_follows_the_topic_that_it_is_joined_with() -> None:
    assert missing(joined(internal("x"), source="table"), image(few=2, table=5)) == {"x": 5}


def test_a_fixed_number_that_does_not_fit_its_join_is_told() -> None:
    assert problem(joined(internal("x", 4), source="table"), image(few=2, table=5)) == (
        StatusCode.INCORRECTLY_PARTITIONED_TOPICS,
        "Number of partitions [4] of repartition topic [x] doesn't match number of partitions [5] of the source topic.",
    )


def test_two_fixed_numbers_that_differ_are_told() -> None:
    code, detail = problem(joined(internal("x", 4), internal("y", 5)), image(few=2, many=2))
    assert (code, detail) == (
        StatusCode.INCORRECTLY_PARTITIONED_TOPICS,
        "Following topics do not have the same number of partitions: [{x=4, y=5}]",
    )


def test_joined_sources_of_different_sizes_are_told() -> None:
    group = CopartitionGroup(source_topics=(0, 1))
    join = topology(Subtopology(id="0", source_topics=("a", "b"), copartition_groups=(group,)))
    assert problem(join, image(a=2, b=3))[0] is StatusCode.INCORRECTLY_PARTITIONED_TOPICS
    assert configure(join, image(a=2, b=2)).is_ready


def test_an_existing_internal_topic_of_another_size_is_told() -> None:
    assert problem(WORD_COUNT, image(lines=2, app_words_repartition=2, app_counts_changelog=1)) == (
        StatusCode.INCORRECTLY_PARTITIONED_TOPICS,
        "Existing topic app-counts-changelog has different number of partitions: expected 2, found 1",
    )


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Subtopology(id="0", repartition_sources=(internal("loop"),), repartition_sinks=("loop",)), "may be loops"),
        (Subtopology(id="0", repartition_sources=(internal("x"),)), "never used as a sink"),
    ],
)
def test_a_topology_without_numbers_is_refused(part: Subtopology, reason: str) -> None:
    with pytest.raises(ApiError, match=reason) as refused:
        configure(topology(part), image(lines=1))
    assert refused.value.code is ErrorCode.streams_invalid_topology

"""How many partitions the internal topics of a topology get, as Kafka decides it.

A repartition topic that the application leaves open gets as many as the largest input of those that write to it, and
then as many as the topics that it is copartitioned with. A changelog gets one per task. What is there already counts as
it is: `configured_topology.py` then checks whether that fits.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.streams.topology import Subtopology, Topology
from logpost_broker.metadata.topics_image import TopicsImage


class IncorrectlyPartitionedError(Exception):
    """Topics that have to have equally many partitions have not; the text names them."""


class PartitionCounts:
    """Topic → its partitions: those there are, and those decided so far."""

    def __init__(self, topology: Topology, image: TopicsImage) -> None:
        """All source topics are there. Raises IncorrectlyPartitionedError; ApiError STREAMS_INVALID_TOPOLOGY where no
        number can be found."""
        self._topology = topology
        self._image = image
        self._decided: dict[str, int] = {}
        repartitions = [topic for part in topology.subtopologies for topic in part.repartition_sources]
        self._fixed = {topic.name: topic.partitions for topic in repartitions if topic.partitions}
        self._open = {topic.name for topic in repartitions if not topic.partitions}
        self._decided |= self._fixed
        self._decide_repartitions()
        for part in topology.subtopologies:
            for group in part.copartitioned():
                self._enforce(group)
        for part in topology.subtopologies:
            self._decided |= {topic.name: self.tasks(part) for topic in part.changelogs}

    def tasks(self, part: Subtopology) -> int:
        """How many tasks a subtopology has."""
        return max(self._count(topic) or 0 for topic in part.inputs)

    def decided(self, topic: str) -> int:
        """How many an internal topic should have."""
        return self._decided[topic]

    def _count(self, topic: str) -> int | None:
        known = self._image.topics.get(topic)
        return self._decided.get(topic) if known is None else known.partitions

    def _decide_repartitions(self) -> None:
        """Repartition topics may read from each other: go on while that decides more."""
        written = {topic for part in self._topology.subtopologies for topic in part.repartition_sinks}
        if self._open - written:
            message = (
                "Failed to compute number of partitions for all repartition topics, because a repartition source topic "
                "is never used as a sink topic."
            )
            raise ApiError(ErrorCode.streams_invalid_topology, message)
        undecided = set(self._open)
        while undecided:
            found = {topic: count for topic in undecided if (count := self._largest_input(topic)) is not None}
            if not found:
                message = (
                    "Failed to compute number of partitions for all repartition topics. There may be loops in the "
                    "topology that cannot be resolved."
                )
                raise ApiError(ErrorCode.streams_invalid_topology, message)
            self._decided |= found
            undecided -= found.keys()

    def _largest_input(self, topic: str) -> int | None:
        """Of the subtopologies that write to the topic; None where one of theirs is not known."""
        writers = [part for part in self._topology.subtopologies if topic in part.repartition_sinks]
        counts = [self._count(name) for part in writers for name in part.inputs]
        known = [count for count in counts if count is not None]
        return max(known) if len(known) == len(counts) else None

    def _enforce(self, group: frozenset[str]) -> None:
        """Give the open repartition topics of a copartition group the number of the others."""
        open_, fixed = group & self._open, group & self._fixed.keys()
        sources = group - open_ - fixed
        if sources:
            partitions = self._same(sources)
        elif fixed:
            partitions = self._same(fixed)
        else:
            partitions = max((self._decided[topic] for topic in open_), default=0)
        for topic in sorted(fixed):
            if self._fixed[topic] != partitions:
                message = (
                    f"Number of partitions [{self._fixed[topic]}] of repartition topic [{topic}] doesn't match number "
                    f"of partitions [{partitions}] of the source topic."
                )
                raise IncorrectlyPartitionedError(message)
        self._decided |= dict.fromkeys(open_, partitions)

    def _same(self, topics: frozenset[str]) -> int:
        counts = {topic: self._count(topic) or 0 for topic in sorted(topics)}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{topic}={count}" for topic, count in counts.items())
            message = f"Following topics do not have the same number of partitions: [{{{listed}}}]"
            raise IncorrectlyPartitionedError(message)
        return next(iter(counts.values()))

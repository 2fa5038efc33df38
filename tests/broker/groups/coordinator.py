"""The pure core of all kinds of groups."""

from __future__ import annotations

from collections.abc import Callable

from logpost_broker.consumer_groups.coordinator import ConsumerGroups
from logpost_broker.consumer_groups.limits import ConsumerGroupLimits
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.limits import GroupLimits
from logpost_broker.groups.topics_image import TopicsImage
from logpost_broker.share_groups.limits import ShareLimits
from logpost_broker.share_groups.membership import ShareGroups
from logpost_broker.streams_groups.coordinator import StreamsGroups
from logpost_broker.streams_groups.limits import StreamsGroupLimits


def coordinator(
    image: Callable[[], TopicsImage] = TopicsImage,
    *,
    limits: GroupLimits | None = None,
    consumers: Callable[[], ConsumerGroupLimits] = ConsumerGroupLimits,
    streams: Callable[[], StreamsGroupLimits] = StreamsGroupLimits,
    shares: Callable[[], ShareLimits] = ShareLimits,
) -> GroupCoordinator:
    """Each kind has what `consumers`, `streams` and `shares` answer at the time of a call for its limits."""
    return GroupCoordinator(
        limits or GroupLimits(),
        ConsumerGroups(lambda _: consumers(), image),
        StreamsGroups(lambda _: streams(), image),
        ShareGroups(lambda _: shares(), image),
    )

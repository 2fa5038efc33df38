"""From what members subscribe to, and the topics there are, to the group's epoch and its targets."""

from __future__ import annotations

from functools import lru_cache

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.consumer.events import (
    GroupEpochStored,
    RecordType,
    RegexResolved,
    TargetEpochStored,
    TargetStored,
)
from logpost_broker.groups.consumer.work import Work
from logpost_broker.metadata.topics_image import TopicsImage
from logpost_broker.regular_expression import RegularExpression

REGEXES_KEPT = 256
ANSWERS_KEPT = 262_144
"""A topic that comes or goes asks again about all the others."""


def check_regex(regex: str) -> None:
    """Raises ApiError INVALID_REGULAR_EXPRESSION."""
    try:
        _compiled(regex)
    except ValueError as error:
        message = f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}."
        raise ApiError(ErrorCode.invalid_regular_expression, message) from error


def is_valid(regex: str) -> bool:
    try:
        check_regex(regex)
    except ApiError:
        return False
    return True


@lru_cache(REGEXES_KEPT)
def _compiled(regex: str) -> RegularExpression:
    return RegularExpression(regex)


@lru_cache(ANSWERS_KEPT)
def matches(regex: str, name: str) -> bool:
    """Whether a topic is subscribed to by it. `check_regex` has passed it."""
    return _compiled(regex).matches(name)


def refresh(work: Work, *, is_subscription_changed: bool) -> None:
    """Look at the topics again. A new epoch when what the group reads is not what it was, and then new targets."""
    forget_unused_regexes(work)
    topics_changed = _resolve(work)
    metadata_hash = work.image.fingerprint(work.group.topics())
    if is_subscription_changed or topics_changed or metadata_hash != work.group.metadata_hash:
        raise_epoch(work)
    if work.group.epoch > work.group.target_epoch:
        _assign(work)


def raise_epoch(work: Work) -> None:
    group = work.group
    work.emit(
        GroupEpochStored(
            group_id=group.group_id,
            epoch=group.epoch + 1,
            metadata_hash=work.image.fingerprint(group.topics()),
        )
    )


def forget_unused_regexes(work: Work) -> None:
    for regex in work.group.regexes.keys() - work.group.used_regexes():
        work.emit(work.group.forgotten(RecordType.REGULAR_EXPRESSION, regex))


def _resolve(work: Work) -> bool:
    changed = False
    for regex in sorted(work.group.used_regexes()):
        topics = matching_topics(regex, work.image)
        known = work.group.regexes.get(regex)
        if known is None or known.topics != topics:
            changed = True
            work.emit(
                RegexResolved(
                    group_id=work.group.group_id,
                    regex=regex,
                    topics=topics,
                    metadata_version=work.image.version,
                    timestamp_ms=work.draft.now_ms,
                )
            )
    return changed


def matching_topics(regex: str, image: TopicsImage) -> tuple[str, ...]:
    """Sorted; the broker's own topics too, as in Kafka."""
    return tuple(sorted(name for name in image.topics if matches(regex, name)))


def _assign(work: Work) -> None:
    group = work.group
    for member_id, partitions in group.new_targets(work.image).items():
        known = group.targets.get(member_id)
        if known is None or known.partitions != partitions:
            work.emit(TargetStored(group_id=group.group_id, member_id=member_id, partitions=partitions))
    work.emit(TargetEpochStored(group_id=group.group_id, epoch=group.epoch, timestamp_ms=work.draft.now_ms))

"""DeleteTopics (20), versions 1 to 6.

- v4: flexible. v5: error messages. v6: topics by name or by id, in `topics` instead of `topic_names`

The broker's own topics cannot be deleted. Each hundred topics is a write to the disk, and others are served
meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

from kio.schema.delete_topics.v6.request import DeleteTopicsRequest, DeleteTopicState
from kio.schema.delete_topics.v6.response import DeletableTopicResult, DeleteTopicsResponse
from kio.schema.errors import ErrorCode
from kio.schema.types import TopicName

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.topics import Topic, TopicChanges
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE


def _states(request: object) -> object:
    names: tuple[str, ...] = request.topic_names  # type: ignore[attr-defined]  # a request of v1 to v5
    return [{"name": name, "topic_id": None} for name in names]


class _Asked(NamedTuple):
    """A topic, as far as it is known, and all states of the request that stand for it, of which there must be one."""

    topic: Topic | None
    states: list[DeleteTopicState]


@handles(DeleteTopicsRequest, DeleteTopicsResponse, lift=[Adapted("topics", until=5, value=_states)])
async def delete_topics(node: Node, request: DeleteTopicsRequest, context: RequestContext) -> DeleteTopicsResponse:
    asked: dict[Hashable, _Asked] = {}
    with context.in_order():
        async for state in node.turns.each(request.topics):
            topic = _known(node, state)
            key = (state.name, state.topic_id) if topic is None else topic.id
            asked.setdefault(key, _Asked(topic, [])).states.append(state)
        outcomes = await node.partitions.change_topics([*asked.values()], partial(_delete, node))
    responses = await node.turns.map(_response, zip(asked.values(), outcomes, strict=True))
    return DeleteTopicsResponse(throttle_time=NO_THROTTLE, responses=responses)


def _known(node: Node, asked: DeleteTopicState) -> Topic | None:
    return (
        node.partitions.topics.by_id(asked.topic_id)
        if asked.name is None
        else node.partitions.topics.by_name(asked.name)
    )


def _delete(node: Node, changes: TopicChanges, asked: _Asked) -> Topic:
    """Raises ApiError."""
    [state, *more] = asked.states
    if more:
        raise ApiError(ErrorCode.invalid_request, "a topic is asked for more than once")
    return changes.delete(_deletable(state, _known(node, state)))


def _response(result: tuple[_Asked, Topic | ApiError]) -> DeletableTopicResult:
    (topic, [state, *_]), outcome = result
    if isinstance(outcome, ApiError):
        return DeletableTopicResult(
            name=state.name if topic is None else TopicName(topic.name),
            topic_id=state.topic_id,
            error_code=outcome.code,
            error_message=outcome.message,
        )
    return DeletableTopicResult(
        name=TopicName(outcome.name), topic_id=outcome.id, error_code=ErrorCode.none, error_message=None
    )


def _deletable(asked: DeleteTopicState, topic: Topic | None) -> Topic:
    """Raises ApiError."""
    if (asked.name is None) == (asked.topic_id is None):
        raise ApiError(ErrorCode.invalid_request, "a topic is deleted by its name or by its id, and not by both")
    if topic is None and asked.name is None:
        raise ApiError(ErrorCode.unknown_topic_id, "no topic has this id")
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{asked.name}'")
    if topic.internal:
        raise ApiError(ErrorCode.invalid_request, f"'{topic.name}' belongs to the broker itself")
    return topic

"""DeleteTopics (20), versions 1 to 6.

- v4: flexible. v5: error messages. v6: topics by name or by id, in `topics` instead of `topic_names`

The broker's own topics cannot be deleted. Each topic is a write to the disk: others are served meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

from kio.schema.delete_topics.v6.request import DeleteTopicsRequest, DeleteTopicState
from kio.schema.delete_topics.v6.response import DeletableTopicResult, DeleteTopicsResponse
from kio.schema.errors import ErrorCode
from kio.schema.types import TopicName

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.topics import Topic
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE


def _states(request: object) -> object:
    names: tuple[str, ...] = request.topic_names  # type: ignore[attr-defined]  # a request of v1 to v5
    return [{"name": name, "topic_id": None} for name in names]


@handles(DeleteTopicsRequest, DeleteTopicsResponse, lift=[Adapted("topics", until=5, value=_states)])
async def delete_topics(node: Node, request: DeleteTopicsRequest, context: RequestContext) -> DeleteTopicsResponse:
    asked: dict[Hashable, list[DeleteTopicState]] = {}
    async for state in node.turns.each(request.topics):
        topic = _known(node, state)
        asked.setdefault((state.name, state.topic_id) if topic is None else topic.id, []).append(state)
    responses = await node.turns.map(partial(_delete, node), asked.values())
    return DeleteTopicsResponse(throttle_time=NO_THROTTLE, responses=responses)


def _known(node: Node, asked: DeleteTopicState) -> Topic | None:
    return node.topics.by_id(asked.topic_id) if asked.name is None else node.topics.by_name(asked.name)


def _delete(node: Node, asked: Sequence[DeleteTopicState]) -> DeletableTopicResult:
    """`asked`: all states of the request that stand for one topic, of which there must be one."""
    [state, *more] = asked
    topic = _known(node, state)
    try:
        node.partitions.require_running()
        if more:
            raise ApiError(ErrorCode.invalid_request, "a topic is asked for more than once")
        topic = _deletable(state, topic)
        node.partitions.delete_topic(topic)
    except ApiError as error:
        name = state.name if topic is None else TopicName(topic.name)
        return DeletableTopicResult(
            name=name, topic_id=state.topic_id, error_code=error.code, error_message=error.message
        )
    return DeletableTopicResult(
        name=TopicName(topic.name), topic_id=topic.id, error_code=ErrorCode.none, error_message=None
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

"""DeleteTopics (20), versions 1 to 6.

- v4: flexible. v5: error messages. v6: topics by name or by id, in `topics` instead of `topic_names`

The broker's own topics cannot be deleted. Each topic is a write to the disk: others are served meanwhile.
"""

from __future__ import annotations

from functools import partial

from kio.schema.delete_topics.v6.request import DeleteTopicsRequest, DeleteTopicState
from kio.schema.delete_topics.v6.response import DeletableTopicResult, DeleteTopicsResponse
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.node import Node
from logpost_broker.topics import Topic
from logpost_broker.wire.registry import Adapted, RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE


def _states(request: object) -> object:
    names: tuple[str, ...] = request.topic_names  # type: ignore[attr-defined]  # a request of v1 to v5
    return [{"name": name, "topic_id": None} for name in names]


@handles(DeleteTopicsRequest, DeleteTopicsResponse, lift=[Adapted("topics", until=5, value=_states)])
async def delete_topics(node: Node, request: DeleteTopicsRequest, context: RequestContext) -> DeleteTopicsResponse:
    responses = await node.turns.map(partial(_delete, node), request.topics)
    return DeleteTopicsResponse(throttle_time=NO_THROTTLE, responses=responses)


def _delete(node: Node, asked: DeleteTopicState) -> DeletableTopicResult:
    try:
        node.require_running()
        topic = _find(node, asked)
        node.delete_topic(topic)
    except ApiError as error:
        return DeletableTopicResult(
            name=asked.name, topic_id=asked.topic_id, error_code=error.code, error_message=error.message
        )
    return DeletableTopicResult(name=asked.name, topic_id=topic.id, error_code=ErrorCode.none, error_message=None)


def _find(node: Node, asked: DeleteTopicState) -> Topic:
    if (asked.name is None) == (asked.topic_id is None):
        raise ApiError(ErrorCode.invalid_request, "a topic is deleted by its name or by its id, and not by both")
    topic = node.topic_of(asked.topic_id) if asked.name is None else node.topics.by_name(asked.name)
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{asked.name}'")
    if topic.internal:
        raise ApiError(ErrorCode.invalid_request, f"'{topic.name}' belongs to the broker itself")
    return topic

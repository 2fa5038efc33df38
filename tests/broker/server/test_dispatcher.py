"""What the dispatcher leaves to a thread: requests of many bytes, and answers of many elements."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from kio.serial import entity_reader, entity_writer

from logpost_broker.broker import EMBEDDED
from logpost_broker.node import Node
from logpost_broker.server.dispatcher import ELEMENTS_AT_ONCE, FRAME_AT_ONCE, Dispatcher, Parked
from tests.broker.api.counted_turns import Open
from tests.broker.wire_client import entity, load


def frame(api: str, version: int, values: dict[str, Any]) -> bytes:
    request = load(api, version, "request")
    header = {"request_api_key": request.__api_key__, "request_api_version": version, "correlation_id": 7}
    out = io.BytesIO()
    entity_writer(request.__header_schema__)(out, entity(request.__header_schema__, header))
    entity_writer(request)(out, entity(request, values))
    return out.getvalue()


class Held(Open):
    def __init__(self) -> None:
        self.was_held = False

    def hold(self) -> None:
        self.was_held = True


def run(directory: Path, story: Callable[[Dispatcher], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        dispatcher = Dispatcher(Node(EMBEDDED, directory, host="localhost", port=0))
        await story(dispatcher)
        dispatcher.close()

    asyncio.run(told())


def test_a_short_answer_is_written_at_once(tmp_path: Path) -> None:
    async def story(dispatcher: Dispatcher) -> None:
        answer = dispatcher.dispatch(frame("create_acls", 3, {"creations": [{}] * 10}), "localhost", Open())
        assert isinstance(answer, list)

    run(tmp_path, story)


def test_a_long_answer_of_a_handler_without_steps_is_written_in_a_thread(tmp_path: Path) -> None:
    creations: list[dict[str, Any]] = [{}] * (ELEMENTS_AT_ONCE + 1)
    data = frame("create_acls", 3, {"creations": creations})
    assert len(data) < FRAME_AT_ONCE

    async def story(dispatcher: Dispatcher) -> None:
        answer = dispatcher.dispatch(data, "localhost", Open())
        assert isinstance(answer, Parked)
        assert not answer.response.done()
        written = b"".join(answer.encode(await answer.response) or ())
        response = load("create_acls", 3, "response")
        _, header = entity_reader(response.__header_schema__)(written, 4)
        read, _ = entity_reader(response)(written, 4 + header)
        assert len(read.results) == len(creations)

    run(tmp_path, story)


def test_a_long_request_is_read_in_a_thread_while_its_connection_waits(tmp_path: Path) -> None:
    creations = [{"resource_name": "n" * 100}] * (FRAME_AT_ONCE // 100)
    assert was_held(tmp_path, frame("create_acls", 3, {"creations": creations}))


@pytest.mark.parametrize(("partitions", "size", "is_held"), [(1, FRAME_AT_ONCE, False), (ELEMENTS_AT_ONCE, 20, True)])
def test_a_produce_request_is_long_by_its_elements_alone(
    tmp_path: Path, partitions: int, size: int, is_held: bool
) -> None:
    data = [{"name": "t", "partition_data": [{"index": 0, "records": bytes(size)}] * partitions}]
    assert was_held(tmp_path, frame("produce", 9, {"acks": 1, "topic_data": data})) == is_held


def was_held(directory: Path, data: bytes) -> bool:
    """While the request was read."""
    connection = Held()

    async def story(dispatcher: Dispatcher) -> None:
        answer = dispatcher.dispatch(data, "localhost", connection)
        if isinstance(answer, Parked):
            await answer.response

    assert len(data) > FRAME_AT_ONCE
    run(directory, story)
    return connection.was_held

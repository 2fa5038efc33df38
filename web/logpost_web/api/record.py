"""`/api/record`: one record by its address, whole: as the row that the store has, or as the bytes in the topic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import anyio.to_thread
from confluent_kafka import KafkaException
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from logpost_web.api.rows import answer_row
from logpost_web.api.searching import TIMEOUT
from logpost_web.api.services import services
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.query.arguments import choice_argument, required_argument, required_number_argument
from logpost_web.query.rows import FoundRow, record_statement
from logpost_web.store.columns import LOGS
from logpost_web.store.deleted import is_deleted

MAX_OFFSET = 2**63 - 1
MAX_PARTITION = 2**31 - 1
PIECE_BYTES = 256 * 1024


async def record(request: Request) -> Response:
    """`topic`, `partition`, `offset`, `topic_id` (default: of the newest topic of that name), `raw` (false, true),
    `timeout`."""
    parameters = request.query_params
    check_names(parameters, ("topic", "partition", "offset", "topic_id", "raw", TIMEOUT))
    topic = required_argument(parameters, "topic")
    partition = required_number_argument(parameters, "partition", MAX_PARTITION)
    offset = required_number_argument(parameters, "offset", MAX_OFFSET)
    topic_id = parameters.get("topic_id", "")
    if choice_argument(parameters, "raw", ("false", "true")) == "true":
        return await _raw(request, topic, partition, offset, topic_id)
    result = await services(request).queries.run(request, record_statement(topic, partition, offset, topic_id, LOGS))
    if not result.rows:
        raise HTTPException(404, f"the store has no row of {topic}-{partition} at offset {offset}")
    return await json_answer(request, answer_row(FoundRow(*result.rows[0])))


async def _raw(request: Request, topic: str, partition: int, offset: int, topic_id: str) -> Response:
    there = services(request).indexer.topic_id_at((topic, partition), offset)
    if topic_id and there and topic_id != there:
        raise HTTPException(404, f"the topic has another record now in {topic}-{partition} at offset {offset}")
    is_gone = partial(is_deleted, services(request).indexer.store, topic, topic_id or there, partition, offset)
    if await anyio.to_thread.run_sync(is_gone):
        raise HTTPException(404, f"the record in {topic}-{partition} at offset {offset} was deleted")
    try:
        value = await services(request).topic_reader.value(topic, partition, offset)
    except KafkaException as error:
        raise HTTPException(503, f"the broker cannot be asked: {error.args[0].str()}") from error
    if value is None:
        raise HTTPException(404, f"there is no record in {topic}-{partition} at offset {offset}")
    headers = {
        "Content-Length": str(len(value)),
        "Content-Disposition": f'attachment; filename="{topic}-{partition}-{offset}"',
    }
    return StreamingResponse(_pieces(value), media_type="application/octet-stream", headers=headers)


async def _pieces(value: bytes) -> AsyncIterator[bytes]:
    view = memoryview(value)
    for start in range(0, len(value), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])

"""Parts of long messages that show no match, though the query asks for one: the store looked for the query's text as it
is written, and the match is another expression of it, or only behind a longer word. These few are looked at whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import anyio.to_thread
from starlette.requests import Request

from logpost_web.api.rows import Row, answer_row
from logpost_web.api.services import services
from logpost_web.query.excerpt import part_around
from logpost_web.query.marks import Marker
from logpost_web.query.rows import FoundRow, record_statement
from logpost_web.store.columns import LOGS

MAX_MESSAGES, MAX_BYTES = 20, 6_000_000
"""Of a page that are looked at whole, in about a second at most; others show their beginning."""


async def show_matches(request: Request, marker: Marker, rows: Sequence[Row]) -> None:
    """Give each long message of `rows` the part in which a match is."""
    if not marker:
        return
    unmarked = (row for row in rows if row.message_bytes and not marker.marks(row.message))
    room = MAX_BYTES
    for row in await anyio.to_thread.run_sync(list, islice(unmarked, MAX_MESSAGES)):
        if row.message_bytes > room:
            continue
        room -= row.message_bytes
        statement = record_statement(row.topic, row.partition, row.offset, row.topic_id, LOGS)
        result = await services(request).queries.run(request, statement)
        for whole in map(answer_row, (FoundRow(*found) for found in result.rows)):
            first = await anyio.to_thread.run_sync(marker.first, whole.message)
            if first is not None:
                row.message = part_around(whole.message, first)

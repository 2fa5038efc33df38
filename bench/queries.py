"""How long queries take: each kind, over all rows of a store, how many rows its index leaves to read, and how many
records a second it is asked of one by one, without a store.

    python -m bench.queries [--rows 1000000] [--rounds 7] [QUERY …]

The rows are made by the indexer's own code: access lines with attributes, one in a hundred outside ASCII. Every query
counts what it finds, so that it cannot stop at the newest hundred.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from logpost.config import StoreConfig
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost.query.syntax import parse
from logpost_web.indexer.row import Position, to_row
from logpost_web.query.condition import compile_condition
from logpost_web.store.columns import LOGS
from logpost_web.store.row import RECORDS, Row, encode
from logpost_web.store.store import Store

BLOCK_ROWS = 50_000
EVENTS = 20_000
RARE = "client 10.77.0.1 needle: index out of range"
QUERIES = (
    *("needle", "refused", '"connection refused"', '"index out of range"', "10.77.0.1", "超时", "connec*", "*nection"),
    *("con*ion", "/api/*/17", "message:/range$/", "status:500", "status:>=500", "path:/api/1*", "user.name:u77"),
    *("tags:red", "items.sku:A1", "nothing:x", "status:*"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("queries", nargs="*", default=QUERIES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
        store = Store.open(StoreConfig(), Path(directory))
        fill(store, options.rows)
        events = sample(options.rows)
        print(f"{'query':24} {'found':>9} {'to read':>9} {'ms':>7} {'events/s':>10}")
        for query in options.queries:
            measure(store, query, options.rounds, events)
        store.close()


def fill(store: Store, rows: int) -> None:
    chance = random.Random(1)
    for start in range(0, rows, BLOCK_ROWS):
        block = [_row(_record(chance, offset, rows), offset) for offset in range(start, min(start + BLOCK_ROWS, rows))]
        store.insert_lines(encode(block), RECORDS)
    store.command("OPTIMIZE TABLE otel_logs FINAL")


def sample(rows: int) -> list[Event]:
    chance = random.Random(1)
    return [msgspec.convert(_record(chance, offset, rows), Event) for offset in range(EVENTS)]


def _record(chance: random.Random, offset: int, rows: int) -> dict[str, object]:
    status = chance.choice((200, 200, 200, 404, 500))
    path = f"/api/{chance.randrange(300)}/{chance.randrange(100)}"
    message = (
        f"GET {path} {status} from 10.0.{chance.randrange(256)}.{chance.randrange(256)} id {chance.getrandbits(64):x}"
    )
    if offset % 17 == 0:
        message += " connection refused by upstream"
    if offset % 100 == 0:
        message += " 连接超时"
    if offset == rows // 2:
        message = RARE
    attributes: dict[str, object] = {"status": status, "path": path, "user": {"name": f"u{offset % 1000}"}}
    if offset % 50 == 0:
        attributes |= {"tags": ["red", "green"], "items": [{"sku": "A1"}]}
    return {"ts": "2026-11-22T10:51:07Z", "message": message, "attrs": attributes}


def _row(record: dict[str, object], offset: int) -> Row:
    value = msgspec.json.encode(record)
    return to_row(value, Position("logs", 0, "", offset, 0, len(value)), int(time.time()))


def measure(store: Store, query: str, rounds: int, events: list[Event]) -> None:
    condition = compile_condition(parse(query), LOGS)
    source = f"FROM otel_logs WHERE {condition.sql}"
    estimate = store.query(f"EXPLAIN ESTIMATE SELECT 1 {source}", condition.parameters).rows
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        # What it remembers of the last round would be found at once.
        result = store.query(f"SELECT count() {source} SETTINGS use_query_condition_cache = 0", condition.parameters)
        seconds.append(time.perf_counter() - start)
    to_read = sum(row[3] for row in estimate)
    milliseconds = statistics.median(seconds) * 1000
    print(
        f"{query:24} {result.rows[0][0]:9,} {to_read:9,} {milliseconds:7.1f} {rate(query, rounds, events):10,.0f}",
        flush=True,
    )


def rate(query: str, rounds: int, events: list[Event]) -> float:
    """Events a second in one thread."""
    matches = compile_match(parse(query))
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for event in events:
            matches(event)
        seconds.append(time.perf_counter() - start)
    return len(events) / statistics.median(seconds)


if __name__ == "__main__":
    main()

"""How long a broker takes to stop in order, by the number of partitions that were written to since the last stop.

    python -m bench.stopping [--partitions 10000]

First with partitions that are new and were never synced; then when each has one record more, which is synced; then when
each was only read.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kio.schema.errors import ErrorCode
from msgspec.structs import replace

from logpost_broker.broker import EMBEDDED, Broker
from logpost_broker.log.records import build_batch
from tests.broker.wire_client import WireClient

PARTITIONS_OF_TOPIC = 500
NO_TIME = datetime.timedelta(0)
VALUE = b"." * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partitions", type=int, default=10_000)
    options = parser.parse_args()
    topics = [f"t{number}" for number in range(max(1, options.partitions // PARTITIONS_OF_TOPIC))]
    partitions = options.partitions // len(topics)
    print(f"{options.partitions:,} partitions\n\n| | stopped after, s | CPU, s |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:

        def written(client: WireClient, topic: str) -> None:
            batch = build_batch([(None, VALUE)], time.time_ns() // 1_000_000)
            data = [{"index": number, "records": batch} for number in range(partitions)]
            [answer] = client.call(
                "produce", 9, {"acks": -1, "topic_data": [{"name": topic, "partition_data": data}]}
            ).responses
            assert {one.error_code for one in answer.partition_responses} == {ErrorCode.none}

        def created(client: WireClient, topic: str) -> None:
            asked = {"name": topic, "num_partitions": partitions, "replication_factor": 1, "configs": []}
            client.call("create_topics", 7, {"topics": [asked]})
            written(client, topic)

        def read(client: WireClient, topic: str) -> None:
            asked = [{"partition": number, "partition_max_bytes": 1000} for number in range(partitions)]
            client.call(
                "fetch",
                11,
                {"max_wait": NO_TIME, "max_bytes": 10**7, "topics": [{"topic": topic, "partitions": asked}]},
            )

        report("new, never synced", Path(directory), topics, created, flush="os")
        report("one record more, synced", Path(directory), topics, written)
        report("read only", Path(directory), topics, read)


def report(
    what: str,
    directory: Path,
    topics: list[str],
    use: Callable[[WireClient, str], None],
    **settings: str,
) -> None:
    broker = Broker(replace(EMBEDDED, **settings), directory).start()
    with WireClient(broker.port) as client:
        for topic in topics:
            use(client, topic)
    begun, used = time.monotonic(), time.process_time()
    broker.stop()
    print(f"| {what} | {time.monotonic() - begun:.1f} | {time.process_time() - used:.1f} |", flush=True)


if __name__ == "__main__":
    main()

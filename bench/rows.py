"""What the indexer's Python costs: CPU seconds per million records, by stage, without the engine.

    python -m bench.rows [--records 500000] [--rounds 3]

Records as the agent writes them go through a broker; the client gives them out, they are read and planned, and encoded
as a block is. `messages` is the client's part: fetching, unpacking, and taking value, place and time from each message.
The engine's share is not in it: `bench.pipeline` has both.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from subprocess import PIPE

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.record import Record, Src
from logpost_web.indexer.intake import RUN_RECORDS
from logpost_web.indexer.limits import DEFAULT_LIMITS
from logpost_web.indexer.placing import Placing
from logpost_web.indexer.planner import Planner
from logpost_web.indexer.received import Stretch, stretches
from logpost_web.indexer.row import Position, to_row
from logpost_web.indexer.run import read_run
from logpost_web.retention.rules import Rules
from logpost_web.store.intervals import IntervalSet
from logpost_web.store.row import encode

TOPIC = "logs"
PARTITIONS = 4
CONSUMED = 10_000
"""Messages of one call, as the indexer asks for."""
NOW_S = int(time.time())

BROKER = """
import sys
from logpost_broker import Broker
with Broker() as broker:
    print(broker.bootstrap_servers, flush=True)
    sys.stdin.read()
"""


class Stages:
    """CPU seconds by stage; of this thread, and for the client of all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def stage(self, name: str, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
        start = clock()
        yield
        self.seconds[name] += clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[float]] = defaultdict(list)
    with broker() as servers:
        fill(servers, options.records)
        for _ in range(options.rounds):
            for take in (together, one_by_one):
                for stage, seconds in measure(servers, options.records, take).items():
                    found[f"{take.__name__.replace('_', ' ')}: {stage}"].append(seconds * 1e6 / options.records)
    for stage, values in found.items():
        print(f"| {stage} | {statistics.median(values):.2f} |")


@contextlib.contextmanager
def broker() -> Iterator[str]:
    """Its address; in a process of its own, whose CPU does not count."""
    with subprocess.Popen([sys.executable, "-c", BROKER], stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def fill(servers: str, count: int) -> None:
    """Lines of four files of a web shop, as the agent sends them."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result()
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    for number, record in enumerate(records(count)):
        producer.produce(TOPIC, record, partition=number % PARTITIONS)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0


def records(count: int) -> Iterator[bytes]:
    chance = random.Random(7)
    ends = [0] * PARTITIONS
    for number in range(count):
        file = number % PARTITIONS
        level = chance.choice(["info"] * 17 + ["warn"] * 2 + ["error"])
        moment = f"2026-11-29T{number // 180_000 % 24:02d}:{number // 3000 % 60:02d}:{number // 50 % 60:02d}"
        message = (
            f"order {chance.randrange(10**8)} of customer {chance.randrange(50_000)} was "
            f"{chance.choice(['paid', 'packed', 'shipped'])} in {chance.randrange(900)} ms"
        )
        start, ends[file] = ends[file], ends[file] + 60 + len(message)
        yield msgspec.json.encode(
            Record(
                ts=f"{moment}.{number * 20 % 1000:03d}000000Z",
                message=message,
                host="web-1",
                service="shop",
                level=level,
                attrs={"logger": "shop.orders", "status": chance.choice([200, 404, 502])},
                file=f"/var/log/shop-{file}.log",
                src=Src(id=f"{file:032x}", start=start, end=ends[file]),
            )
        )


def measure(servers: str, count: int, take: Callable[[Stages, Stretch, Planner, Placing], None]) -> dict[str, float]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "rows", "queued.max.messages.kbytes": 32 * 1024})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    stages, planner, placing = Stages(), Planner(), Placing(Rules([], 2**40), 2**40)
    for partition in range(PARTITIONS):
        planner.learn_partition((TOPIC, partition), 0, IntervalSet())
    planner.learn_streams({f"{file:032x}": IntervalSet() for file in range(PARTITIONS)})
    left = count
    while left:
        with stages.stage("client", time.process_time):
            messages = consumer.consume(CONSUMED, 0.1)
        left -= len(messages)
        with stages.stage("messages"):
            taken = stretches(messages)
        for stretch in taken:
            take(stages, stretch, planner, placing)
    consumer.close()
    stages.seconds["in all"] = sum(stages.seconds.values())
    return dict(stages.seconds)


def together(stages: Stages, stretch: Stretch, planner: Planner, placing: Placing) -> None:
    """Records as we write them."""
    for some in stretch.cut(RUN_RECORDS):
        start, end = some.offsets[0], some.offsets[-1] + 1
        with stages.stage("read"):
            run = read_run(some, DEFAULT_LIMITS, NOW_S)
        assert run is not None
        with stages.stage("plan"):
            assert planner.is_new(stretch.partition, start, end, run.pieces)
            planner.add(stretch.partition, end, run.pieces)
        with stages.stage("place"):
            [run] = placing.place_run(run)
        with stages.stage("encode"):
            b"\n".join(run.lines())


def one_by_one(stages: Stages, stretch: Stretch, planner: Planner, placing: Placing) -> None:
    """What is not as we write it."""
    with stages.stage("messages"):
        messages = list(stretch.each())
    with stages.stage("read"):
        rows = [
            to_row(one.value, Position(*one.partition, "id", one.offset, one.timestamp_ns), NOW_S) for one in messages
        ]
    with stages.stage("plan"):
        planner.plan(rows)
    with stages.stage("place"):
        for row, one in zip(rows, messages, strict=True):
            placing.place(row, stretch.partition, one.timestamp_ns, len(one.value or b""))
    with stages.stage("encode"):
        encode(rows)


if __name__ == "__main__":
    main()

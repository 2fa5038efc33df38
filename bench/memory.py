"""The peak of the web's memory while it indexes a backlog at full speed and clients search; whether an insert failed.

    python -m bench.memory [--lines 1000000] [--clients 8]

The topic is filled before the web starts. Each client asks one thing after the other: pages of 100 to 5,000 rows and
histograms, by words, expressions, numbers and attributes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.lines import fleet, value
from bench.usage import usage_of_one
from tests.support.appliance import Appliance

PARTITIONS = 8
STEP_NS = 50_000
BATCH = 500
"""Lines of a partition that follow each other."""
QUERIES = (
    "",
    "error",
    '"connection refused"',
    "needle",
    "status:>=500",
    "/time.ut/",
    "level:error",
    "service:checkout timeout",
    "-info",
    "path:/api/v1/cache/*",
    r"message:/took [89]\d\d ms/",
    "trace_id:deadbeef",
)
LIMITS = (100, 1000, 5000)
GROUPINGS = ("level", "service", "host")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        appliance = Appliance(Path(directory), sources="")
        with appliance.broker.start():
            fill(appliance, options.lines)
            with appliance.web.start():
                measure(appliance, options.lines, options.clients)


def fill(appliance: Appliance, count: int) -> None:
    servers: dict[str, str | int | float | bool] = {"bootstrap.servers": appliance.bootstrap_servers}
    admin = AdminClient(servers)
    admin.create_topics([NewTopic("logs", PARTITIONS)])["logs"].result()
    producer = Producer({**servers, "compression.type": "zstd", "linger.ms": 50})
    for number, line in enumerate(fleet(count, start_ns=time.time_ns() - count * STEP_NS, step_ns=STEP_NS)):
        while True:
            try:
                producer.produce("logs", value(line), partition=number // BATCH % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def measure(appliance: Appliance, count: int, clients: int) -> None:
    pid = appliance.web.process.pid
    print(f"at the start: {usage_of_one(pid).peak_mb:.0f} MB at the peak", flush=True)
    answers: Counter[str] = Counter()
    stopping = threading.Event()
    asking = [threading.Thread(target=ask, args=(appliance, n, answers, stopping)) for n in range(clients)]
    began = time.monotonic()
    for one in asking:
        one.start()
    while metric(appliance, "logpost_indexer_rows_total") < count:
        time.sleep(1)
    seconds = time.monotonic() - began
    stopping.set()
    for one in asking:
        one.join()
    used = usage_of_one(pid)
    print(f"{count:,} lines in {seconds:.0f} s, {used.cpu_seconds:.0f} s of CPU with {clients} clients")
    print(f"{used.peak_mb:.0f} MB at the peak, {used.resident_mb:.0f} MB at the end")
    print(f"failed tries of the indexer: {metric(appliance, 'logpost_indexer_failures_total'):.0f}")
    print(", ".join(f"{outcome}: {number:,}" for outcome, number in sorted(answers.items())))


def ask(appliance: Appliance, first: int, answers: Counter[str], stopping: threading.Event) -> None:
    for number in itertools.count(first):
        if stopping.is_set():
            return
        query, kind = QUERIES[number % len(QUERIES)], number % 3
        if number % 4 == 0:
            url = appliance.url("/api/histogram", q=query, by=GROUPINGS[kind])
        else:
            url = appliance.url("/api/search", q=query, limit=LIMITS[kind])
        try:
            with urllib.request.urlopen(url, timeout=100) as answer:
                answer.read()
                answers["answered"] += 1
        except urllib.error.HTTPError as error:
            with error:
                answers[json.load(error)["error"]["code"]] += 1


def metric(appliance: Appliance, name: str) -> float:
    with urllib.request.urlopen(appliance.url("/metrics"), timeout=100) as answer:
        found = re.findall(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


if __name__ == "__main__":
    main()

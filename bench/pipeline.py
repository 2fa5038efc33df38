"""File to searchable: lines per second, CPU seconds per million lines and memory, by part; how soon a line is found.

    python -m bench.pipeline [--lines 500000] [--rounds 3]

Every round starts broker, web and agent afresh over an empty directory with the default settings. Prints medians.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.usage import Usage, usage_of
from tests.support.appliance import Appliance, await_condition
from tests.support.processes import Part

PARTS = ("agent", "broker", "web")
LATENCY_LINES = 40
ASK_SECONDS = 0.25
FILES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run over `lines` lines; times in seconds, sizes in bytes."""

    lines: int
    bytes: int
    searchable_seconds: float
    usage: dict[str, Usage]
    topic_bytes: int
    store_bytes: int
    latencies: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as directory:
            rounds.append(run(Path(directory), options.lines))
        print(f"round {number + 1}: {options.lines / rounds[-1].searchable_seconds:,.0f} lines/s", flush=True)
    report(rounds)


def run(directory: Path, lines: int) -> Round:
    tailed = directory / "tailed"
    tailed.mkdir()
    size = write_lines(tailed, lines)
    sources = f'[[agent.source]]\ntype = "file"\npaths = ["{tailed}/*.log"]\n'
    appliance = Appliance(directory, sources=sources)
    appliance.broker.start()
    appliance.web.start()
    before = {name: usage_of(part.process.pid) for name, part in parts(appliance).items() if name != "agent"}
    with appliance.agent.start() as agent, appliance.web, appliance.broker:
        started = time.monotonic()
        # Asked seldom: each question counts all rows, on the cores that are being measured.
        await_condition(lambda: appliance.total() == lines, f"{lines} rows", 60 + lines / 1000, every=ASK_SECONDS)
        searchable = time.monotonic() - started
        after = {name: usage_of(part.process.pid) for name, part in parts(appliance).items()}
        latencies = [latency(appliance, tailed, number) for number in range(LATENCY_LINES)]
        topic_bytes = size_of(appliance.data / "broker", "*.log")
        store_bytes = size_of(appliance.data / "store", "*.bin")
        assert agent.process.poll() is None
    return Round(
        lines=lines,
        bytes=size,
        searchable_seconds=searchable,
        usage={name: since(before.get(name), after[name]) for name in PARTS},
        topic_bytes=topic_bytes,
        store_bytes=store_bytes,
        latencies=latencies,
    )


def write_lines(directory: Path, lines: int) -> int:
    """`lines` lines of a web shop's services, the same at every run; returns their size in bytes."""
    chance = random.Random(7)
    verbs = ["paid", "packed", "shipped", "cancelled", "refunded"]
    levels = ["INFO"] * 17 + ["WARN"] * 2 + ["ERROR"]
    start = 1_795_000_000.0
    size = 0
    for number in range(FILES):
        with (directory / f"shop-{number}.log").open("w", encoding="ascii") as file:
            for line in range(lines // FILES):
                moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start + line / 500))
                size += file.write(
                    f"{moment}.{line * 2 % 1000:03d}Z {chance.choice(levels)} shop.orders: order "
                    f"{chance.randrange(10**8)} of customer {chance.randrange(50_000)} was {chance.choice(verbs)} "
                    f"in {chance.randrange(900)} ms\n"
                )
    return size


def latency(appliance: Appliance, directory: Path, number: int) -> float:
    """Seconds from writing a line to the first search that finds it."""
    token = f"latency{number}token{time.monotonic_ns()}"
    with (directory / "latency.log").open("a", encoding="ascii") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} INFO probe: {token}\n")
    written = time.monotonic()
    await_condition(lambda: appliance.total(token) == 1, f"the line {token}", 60)
    return time.monotonic() - written


def parts(appliance: Appliance) -> dict[str, Part]:
    return {"agent": appliance.agent, "broker": appliance.broker, "web": appliance.web}


def since(before: Usage | None, after: Usage) -> Usage:
    cpu = after.cpu_seconds - (before.cpu_seconds if before else 0.0)
    return replace(after, cpu_seconds=cpu)


def size_of(directory: Path, pattern: str) -> int:
    total = 0
    for file in directory.rglob(pattern):
        with contextlib.suppress(FileNotFoundError):  # the store takes parts away while it merges
            total += file.stat().st_size if file.is_file() else 0
    return total


def report(rounds: list[Round]) -> None:
    lines, size = rounds[0].lines, rounds[0].bytes
    rate = statistics.median(lines / one.searchable_seconds for one in rounds)
    print(f"\n{lines:,} lines of {size / lines:.0f} bytes, {len(rounds)} rounds, medians")
    print(f"file to searchable: {rate:,.0f} lines/s, {rate * size / lines / 1e6:.1f} MB/s")
    print("\n| part | CPU s per million lines | peak memory, MB |\n| --- | --- | --- |")
    for name in PARTS:
        cpu = statistics.median(one.usage[name].cpu_seconds for one in rounds) * 1e6 / lines
        peak = statistics.median(one.usage[name].peak_mb for one in rounds)
        print(f"| {name} | {cpu:.1f} | {peak:.0f} |")
    topic = statistics.median(one.topic_bytes for one in rounds) / lines
    store = statistics.median(one.store_bytes for one in rounds) / lines
    print(f"\non disk, bytes a line: {size / lines:.0f} in files, {topic:.1f} in the topic, {store:.1f} in the store")
    found = sorted(value for one in rounds for value in one.latencies)
    p99 = found[int(len(found) * 0.99)]
    print(f"a line is found after: p50 {statistics.median(found):.2f} s, p99 {p99:.2f} s, worst {found[-1]:.2f} s")


if __name__ == "__main__":
    main()

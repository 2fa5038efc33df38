"""File to searchable: lines per second, CPU seconds per million lines and memory, by part; how soon a line is found.

    python -m bench.pipeline [--lines 500000] [--rounds 3] [--only logpost]

Every round starts broker, web and agent afresh over an empty directory with the default settings, then vlagent and
VictoriaLogs (each on the PATH, or named by the variables VLAGENT and VICTORIA_LOGS). Prints medians.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.usage import Usage
from bench.ways import Make, Way, ways
from tests.support.appliance import await_condition

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
    disk: dict[str, int]
    latencies: list[float]


Rounds = dict[str, list[Round]]
"""By way."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("logpost", "vlagent"))
    options = parser.parse_args()
    chosen = {name: make for name, make in ways().items() if options.only in (None, name)}
    rounds: Rounds = {name: [] for name in chosen}
    for number in range(options.rounds):
        for name, make in chosen.items():
            with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
                found = run(make, Path(directory), options.lines)
            rounds[name].append(found)
            rate = options.lines / found.searchable_seconds
            print(f"round {number + 1}, {name}: {rate:,.0f} lines/s", flush=True)
    report(rounds)


def run(make: Make, directory: Path, lines: int) -> Round:
    tailed = directory / "tailed"
    tailed.mkdir()
    size = write_lines(tailed, lines)
    way = make(directory, tailed)
    try:
        before = way.usage()
        way.read()
        started = time.monotonic()
        # Asked seldom: each question counts all rows, on the cores that are being measured.
        await_condition(lambda: way.total() == lines, f"{lines} rows", 60 + lines / 1000, every=ASK_SECONDS)
        searchable = time.monotonic() - started
        after = way.usage()
        latencies = [latency(way, tailed, number) for number in range(LATENCY_LINES)]
        return Round(
            lines=lines,
            bytes=size,
            searchable_seconds=searchable,
            usage={name: since(before.get(name), after[name]) for name in way.parts},
            disk=way.disk(),
            latencies=latencies,
        )
    finally:
        way.stop()


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


def latency(way: Way, directory: Path, number: int) -> float:
    """Seconds from writing a line to the first search that finds it."""
    token = f"latency{number}token{time.monotonic_ns()}"
    with (directory / "latency.log").open("a", encoding="ascii") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} INFO probe: {token}\n")
    written = time.monotonic()
    await_condition(lambda: way.total(token) == 1, f"the line {token}", 60)
    return time.monotonic() - written


def since(before: Usage | None, after: Usage) -> Usage:
    cpu = after.cpu_seconds - (before.cpu_seconds if before else 0.0)
    return replace(after, cpu_seconds=cpu)


def report(rounds: Rounds) -> None:
    [first, *_] = next(iter(rounds.values()))
    lines, size = first.lines, first.bytes
    print(f"\n{lines:,} lines of {size / lines:.0f} bytes, {len(next(iter(rounds.values())))} rounds, medians\n")
    print("| part | CPU s per million lines | peak memory, MB |\n| --- | --- | --- |")
    for name, found in rounds.items():
        for part in found[0].usage:
            print(part_row(part, found, [part]))
        print(part_row(f"{name}: all", found, list(found[0].usage)))
    for name, found in rounds.items():
        rate = median(found, lambda one: lines / one.searchable_seconds)
        on_disk = ", ".join(f"{median(found, size_of(what)) / lines:.1f} in the {what}" for what in found[0].disk)
        taken = sorted(value for one in found for value in one.latencies)
        p50, p99 = statistics.median(taken), taken[int(len(taken) * 0.99)]
        print(f"\n{name}: file to searchable {rate:,.0f} lines/s, {rate * size / lines / 1e6:.1f} MB/s")
        print(f"on disk, bytes a line: {size / lines:.0f} in files, {on_disk}")
        print(f"a line is found after: p50 {p50:.2f} s, p99 {p99:.2f} s, worst {taken[-1]:.2f} s")


def part_row(shown: str, found: Sequence[Round], parts: Sequence[str]) -> str:
    cpu = median(found, lambda one: sum(one.usage[part].cpu_seconds for part in parts)) * 1e6 / found[0].lines
    peak = median(found, lambda one: sum(one.usage[part].peak_mb for part in parts))
    return f"| {shown} | {cpu:.1f} | {peak:.0f} |"


def size_of(what: str) -> Callable[[Round], float]:
    return lambda one: one.disk[what]


def median(found: Sequence[Round], figure: Callable[[Round], float]) -> float:
    return statistics.median(map(figure, found))


if __name__ == "__main__":
    main()

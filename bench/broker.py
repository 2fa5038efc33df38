"""The broker beside Apache Kafka: throughput, latency, CPU, memory and start-up, same machine, same client, in turn.

    python -m bench.broker [--rows PATTERN] [--rounds 3] [--bytes N] [--seconds S] [--only logpost] [--kafka-libs DIR]
                           [--json]

A round runs all rows against one broker, then against the other, each over an empty directory; the next round begins
with the other one. Prints medians, and logpost's as a ratio of Kafka's. Without Java it measures logpost alone.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.broker_rows import Figure, Load, Row, Stream, rows
from bench.brokers import Kafka, Logpost, Process, Subject
from bench.client import DriverError, build_driver, run_driver
from tests.support.apache_kafka import KafkaUnavailableError, kafka_libs

WARMUP_SECONDS = 4.0
"""Of producing before the first row, for each codec: Java compiles its hot code while it runs."""
PEAK_MEMORY = "peak memory over all rows"
IDLE_MEMORY = "memory after the start"
START_EMPTY = "start, empty directory"
START_PARTITIONS = 1000
START_FULL = f"start, {START_PARTITIONS:,} partitions, after a clean stop"

BROKERS = ("logpost", "kafka")

Make = Callable[[Path], Process]
Figures = dict[str, dict[str, list[Figure]]]
"""Row name → broker name → one figure for each round."""


def main() -> int:
    options = arguments()
    try:
        load = Load(driver=build_driver(), bytes=options.bytes, seconds=options.seconds)
    except DriverError as error:
        print(error, file=sys.stderr)
        return 1
    brokers = makers(options)
    figures: Figures = defaultdict(lambda: defaultdict(list))
    errors: list[DriverError] = []
    for number in range(options.rounds):
        in_turn = list(brokers.items())[:: 1 if number % 2 == 0 else -1]
        for name, make in in_turn:
            for figure in measure_broker(name, make, load, re.compile(options.rows), errors):
                figures[figure.name][name].append(figure)
                show(f"round {number + 1}, {name}: {figure.name}: {shown(figure.value)} {figure.unit}")
    print(as_json(figures) if options.json else as_table(figures))
    for failed in errors:
        show(f"a row failed: {failed}")
    return 1 if errors else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only rows whose name contains this regular expression")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=400_000_000, help="produced in a row, at most")
    parser.add_argument("--seconds", type=float, default=2.5, help="of producing in a row, at most")
    parser.add_argument("--only", choices=BROKERS, help="measure one broker alone")
    parser.add_argument("--kafka-libs", type=Path, help="directory of Apache Kafka's jars; default: fetched with Maven")
    parser.add_argument("--json", action="store_true", help="print all rounds as JSON")
    return parser.parse_args()


def makers(options: argparse.Namespace) -> dict[str, Make]:
    """The brokers to measure, each with what makes one over a directory."""
    made: dict[str, Make] = {}
    if options.only != "kafka":
        made["logpost"] = Logpost
    if options.only != "logpost":
        try:
            libs = kafka_libs(options.kafka_libs)
            made["kafka"] = lambda directory: Kafka(directory, libs)
        except KafkaUnavailableError as error:
            show(f"without Apache Kafka: {error}")
    return made


def measure_broker(
    name: str, make: Make, load: Load, wanted: re.Pattern[str], errors: list[DriverError]
) -> Iterator[Figure]:
    """All wanted figures of one broker, in one round. A row that fails is noted in `errors`, the others go on."""
    chosen = [row for row in rows() if any(map(wanted.search, row.names))]
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
        with Subject(name, make(Path(directory) / "data")) as subject:
            idle = subject.usage().resident_mb
            if chosen:
                warm_up(subject, load)
            yield from measure_rows(subject, load, chosen, errors)
            own = [
                Figure(name=IDLE_MEMORY, unit="MiB", value=idle),
                Figure(name=PEAK_MEMORY, unit="MiB", value=subject.usage().peak_mb),
                Figure(name=START_EMPTY, unit="s", value=subject.start_seconds),
            ]
            yield from (figure for figure in own if wanted.search(figure.name))
        if wanted.search(START_FULL):
            try:
                yield start_with_partitions(name, make, Path(directory) / "partitions", load)
            except DriverError as error:
                errors.append(error)


def warm_up(subject: Subject, load: Load) -> None:
    topic = subject.create_topic(8, {})
    for codec in ("none", "zstd"):
        options = {**Stream(size=200, codec=codec, configs={}).options(topic), "bytes": 2 * load.bytes}
        run_driver(load.driver, "produce", subject.bootstrap, options, WARMUP_SECONDS)
    subject.delete_topic(topic)


def measure_rows(subject: Subject, load: Load, chosen: Sequence[Row], errors: list[DriverError]) -> Iterator[Figure]:
    measured: dict[str, Sequence[Figure]] = {}
    for row in chosen:
        alike = measured.get(row.same_for_logpost) if subject.name == "logpost" else None
        try:
            figures = row.measure(subject, load) if alike is None else renamed(alike, row.names)
        except DriverError as error:
            errors.append(error)
            continue
        measured[row.names[0]] = figures
        yield from figures


def renamed(figures: Sequence[Figure], names: Sequence[str]) -> list[Figure]:
    return [replace(figure, name=name) for figure, name in zip(figures, names, strict=True)]


def start_with_partitions(name: str, make: Make, directory: Path, load: Load) -> Figure:
    """Something is in every partition, the broker is stopped in order, and started again."""
    process = make(directory)
    with Subject(name, process) as subject:
        topic = subject.create_topic(START_PARTITIONS, {})
        stream = Stream(size=1024, partitions=START_PARTITIONS, run=1, configs={})
        options = {**stream.options(topic), "bytes": load.bytes // 4}
        run_driver(load.driver, "produce", subject.bootstrap, options, load.seconds)
    with Subject(name, process) as subject:
        return Figure(name=START_FULL, unit="s", value=subject.start_seconds)


def as_json(figures: Figures) -> str:
    """Every value of every round."""
    return json.dumps(
        {
            row: {
                "unit": next(iter(by_broker.values()))[0].unit,
                "ratio": ratio(by_broker),
                "brokers": {name: [asdict(figure) for figure in found] for name, found in by_broker.items()},
            }
            for row, by_broker in figures.items()
        },
        indent=1,
    )


def as_table(figures: Figures) -> str:
    """Medians, as Markdown. CPU is that of the broker, in seconds per GB of messages."""
    lines = [
        "| | unit | logpost | Kafka | logpost / Kafka | CPU s/GB, logpost | CPU s/GB, Kafka |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row, by_broker in figures.items():
        unit = next(iter(by_broker.values()))[0].unit
        values = [shown(median(by_broker, name)) for name in BROKERS]
        cpu = [shown(median_cpu(by_broker, name)) for name in BROKERS]
        lines.append(f"| {' | '.join([row, unit, *values, shown(ratio(by_broker)), *cpu])} |")
    return "\n".join(lines)


def median(by_broker: Mapping[str, Sequence[Figure]], name: str) -> float | None:
    found = by_broker.get(name)
    return statistics.median(figure.value for figure in found) if found else None


def median_cpu(by_broker: Mapping[str, Sequence[Figure]], name: str) -> float | None:
    found = [figure.cpu_seconds_per_gb for figure in by_broker.get(name, ()) if figure.cpu_seconds_per_gb is not None]
    return statistics.median(found) if found else None


def ratio(by_broker: Mapping[str, Sequence[Figure]]) -> float | None:
    """Of the medians; None where one broker is missing."""
    ours, kafkas = (median(by_broker, name) for name in BROKERS)
    return None if ours is None or not kafkas else ours / kafkas


def shown(value: float | None) -> str:
    """With three digits, or all of the whole number."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(text: str) -> None:
    """Progress; stdout is for the result."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

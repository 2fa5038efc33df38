"""logpost's store beside VictoriaLogs: the same lines, one after the other, in one run.

    python -m bench.search [--lines 5000000] [--kind fleet|systems|names] [--incoming 20000] [--only logpost]

Loads the lines (records of a topic, which web and broker make searchable; HTTP for VictoriaLogs), waits until all is
merged, then asks twelve kinds of query: the first time, again (median), and with eight clients, while `--incoming`
lines a second come in. Prints one table, and says where answers differ. VictoriaLogs is found on the PATH or by the
variable VICTORIA_LOGS; without it logpost is measured alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench import box, victorialogs
from bench.lines import Line, fleet, names, value
from bench.questions import Question, Span, questions
from bench.sides import Client, Loaded, Side
from bench.system_lines import systems

KINDS = {"fleet": fleet, "systems": systems, "names": names}
FOUND = {box.Box.name: box.found, victorialogs.VictoriaLogs.name: victorialogs.found}
STEP_NS = 50_000
"""Between two lines: 20,000 a second, as they come in later."""
DAY_NS = 86_400 * 10**9
CLIENTS = 8
FED_SECONDS = 20.0
"""Of lines that come in again and again."""
FEED_SECONDS = 1800.0
"""Longer than asking may take."""
END_SECONDS = 30.0


@dataclass(kw_only=True)
class Measured:
    """Milliseconds by query. `answers`: lines found by query and group, before anything else came in."""

    loaded: Loaded
    disk: dict[str, int]
    peak_after_load: float
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    repeated: dict[str, float] = field(default_factory=dict)
    together: dict[str, float] = field(default_factory=dict)
    peak: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`fed`: lines that come in while it is asked. `incoming`: of them a second, 0 for none."""

    lines: int
    file: Path
    fed: Path
    incoming: float
    rounds: int
    asked: list[Question]


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="logpost-bench-", dir=options.directory) as name:
        directory = Path(name)
        work = prepare(options, directory)
        measured: dict[str, Measured] = {}
        for side, make in sides(options.only).items():
            subject = make(directory / side)
            try:
                measured[side] = measure(subject, work)
            finally:
                subject.stop()
    print(as_json(measured) if options.json else as_table(measured, work))
    differing = differences(measured)
    for text in differing:
        show(text)
    return 1 if differing else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--kind", choices=sorted(KINDS), default="fleet")
    parser.add_argument("--incoming", type=float, default=20_000, help="lines a second while it is asked, 0 for none")
    parser.add_argument("--rounds", type=int, default=7, help="how often a client repeats a query")
    parser.add_argument("--only", choices=sorted(FOUND), help="one store alone")
    parser.add_argument("--directory", type=Path, help="where the data lies meanwhile (default: of temporary files)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    return parser.parse_args()


def sides(only: str | None) -> dict[str, Callable[[Path], Side]]:
    made: dict[str, Callable[[Path], Side]] = {box.Box.name: box.Box}
    binary = victorialogs.program("victoria-logs")
    if binary is not None:
        made[victorialogs.VictoriaLogs.name] = lambda directory: victorialogs.VictoriaLogs(directory, binary)
    elif only != box.Box.name:
        show("without VictoriaLogs: it is not on the PATH, and VICTORIA_LOGS does not name it")
    return {name: make for name, make in made.items() if only in (None, name)}


def prepare(options: argparse.Namespace, directory: Path) -> Work:
    """Two files of lines: those to load end now, those to come in begin there."""
    end_s = int(time.time())
    start_ns = end_s * 10**9 - options.lines * STEP_NS
    file, fed = directory / "lines", directory / "fed"
    make = KINDS[options.kind]
    last_ns = write(file, make(options.lines, start_ns=start_ns, step_ns=STEP_NS))
    # A second of its own, so that nobody has to say on which side of it a line lies.
    end_ns = (last_ns // 10**9 + 1) * 10**9
    coming = int(options.incoming * FED_SECONDS)
    write(fed, make(coming, start_ns=end_ns, step_ns=STEP_NS, seed=2, with_old=False))
    span = Span(start=rfc_3339(start_ns - DAY_NS), end=rfc_3339(end_ns))
    show(f"{options.lines:,} lines of {file.stat().st_size / options.lines:.0f} bytes")
    return Work(
        lines=options.lines,
        file=file,
        fed=fed,
        incoming=options.incoming,
        rounds=options.rounds,
        asked=questions(options.kind, file, span),
    )


def write(file: Path, made: Iterator[Line]) -> int:
    """The newest time, Unix nanoseconds."""
    newest = 0
    with file.open("wb") as opened:
        while several := list(islice(made, 10_000)):
            opened.writelines(value(line) + b"\n" for line in several)
            newest = max(newest, *(line.ns for line in several))
    return newest


def rfc_3339(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def measure(side: Side, work: Work) -> Measured:
    loaded = side.load(work.file, work.lines)
    show(f"{side.name}: loaded in {loaded.seconds:.1f} s, CPU {loaded.cpu_seconds}")
    found = Measured(loaded=loaded, disk=side.disk(), peak_after_load=peak(side))
    client = side.client()
    for question in work.asked:
        seconds, body = client.ask(question.asked[side.name])
        found.first[question.name] = seconds * 1e3
        found.answers[question.name] = FOUND[side.name](body)
    with coming_in(side, work):
        for question in work.asked:
            found.repeated[question.name] = median_ms(client, side, [question] * work.rounds)[question.name]
        found.together = with_clients(side, work)
    client.close()
    found.peak = peak(side)
    show(f"{side.name}: asked")
    return found


def peak(side: Side) -> float:
    """MiB, of all processes of a store; each at its own time."""
    return sum(usage.peak_mb for usage in side.usage().values())


def median_ms(client: Client, side: Side, asked: list[Question]) -> dict[str, float]:
    taken: dict[str, list[float]] = {}
    for question in asked:
        taken.setdefault(question.name, []).append(client.ask(question.asked[side.name])[0] * 1e3)
    return {name: statistics.median(values) for name, values in taken.items()}


def with_clients(side: Side, work: Work) -> dict[str, float]:
    """Each asks everything, in an order of its own."""

    def one(number: int) -> dict[str, float]:
        client = side.client()
        turned = work.asked[number:] + work.asked[:number]
        try:
            return median_ms(client, side, turned * max(1, work.rounds // 3))
        finally:
            client.close()

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(one, range(CLIENTS)))
    return {question.name: statistics.median(one[question.name] for one in found) for question in work.asked}


@contextmanager
def coming_in(side: Side, work: Work) -> Iterator[None]:
    """In a process of its own: this one measures."""
    if not work.incoming:
        yield
        return
    feeder = side.feeder(work.fed, work.incoming, FEED_SECONDS)
    feeding = multiprocessing.get_context("spawn").Process(target=feeder, daemon=True)
    feeding.start()
    try:
        yield
        if feeding.exitcode is not None:
            raise RuntimeError(f"no lines came in any more: exit status {feeding.exitcode}")
    finally:
        feeding.terminate()
        feeding.join(END_SECONDS)


def differences(measured: dict[str, Measured]) -> list[str]:
    """What the stores do not agree about."""
    if len(measured) < len(FOUND):
        return []
    ours, theirs = (measured[name].answers for name in FOUND)
    return [
        f"the answers differ: {name}: {ours[name]} and {theirs[name]}" for name in ours if ours[name] != theirs[name]
    ]


def as_json(measured: dict[str, Measured]) -> str:
    return json.dumps({name: vars(found) | {"loaded": asdict(found.loaded)} for name, found in measured.items()})


def as_table(measured: dict[str, Measured], work: Work) -> str:
    """One row a figure, with the ratio of logpost's to VictoriaLogs'; less is better, except of a rate."""
    head = ["", *measured, "ratio"] if len(measured) > 1 else ["", *measured]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for name, figures in table_rows(measured, work):
        ratio = [f"{figures[0] / figures[1]:.2f}" if figures[1] else ""] if len(figures) > 1 else []
        lines.append(f"| {' | '.join([name, *map(shown, figures), *ratio])} |")
    return "\n".join(lines)


def table_rows(measured: dict[str, Measured], work: Work) -> Iterator[tuple[str, list[float]]]:
    found = list(measured.values())
    millions = work.lines / 1e6
    yield "lines a second", [work.lines / one.loaded.seconds for one in found]
    yield "CPU s per M lines", [sum(one.loaded.cpu_seconds.values()) / millions for one in found]
    for part in ("web", "broker"):
        if len(found) == 1 or part in found[0].loaded.cpu_seconds:
            yield f"of it {part}", [one.loaded.cpu_seconds.get(part, 0.0) / millions for one in found]
    yield "store on the disk, MB per M", [one.disk["store"] / 1e6 / millions for one in found]
    yield "of it live rows, MB per M", [one.disk["rows"] / 1e6 / millions for one in found]
    yield "topic on the disk, MB per M", [one.disk.get("topic", 0) / 1e6 / millions for one in found]
    yield "peak memory after the load, MiB", [one.peak_after_load for one in found]
    yield "peak memory, MiB", [one.peak for one in found]
    for question in work.asked:
        name = question.name
        yield f"{name}: first, ms", [one.first[name] for one in found]
        yield f"{name}: again, ms", [one.repeated[name] for one in found]
        yield f"{name}: {CLIENTS} clients, ms", [one.together[name] for one in found]


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def show(text: str) -> None:
    """Progress; stdout is for the result."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

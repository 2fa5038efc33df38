"""logpost's store beside VictoriaLogs: the same lines, one after the other, in one run.

    python -m bench.search [--lines 5000000] [--kind fleet|systems|names] [--incoming 20000] [--growth 20000000]
                           [--only logpost]

Loads the lines (records of a topic, which web and broker make searchable; HTTP for VictoriaLogs), waits until all is
merged, then asks twelve kinds of query: the first time, again (median), and with eight clients, while `--incoming`
lines a second come in. Prints one table, and says where answers differ. VictoriaLogs is found on the PATH or by the
variable VICTORIA_LOGS; without it logpost is measured alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench import box, victorialogs
from bench.asking import CLIENTS, FOUND, Answers, Milliseconds, ask_again, ask_once, ask_together, coming_in
from bench.lines import Line, fleet, names, value
from bench.questions import Question, Span, questions
from bench.sides import Loaded, Side
from bench.system_lines import systems

KINDS = {"fleet": fleet, "systems": systems, "names": names}
STEP_NS = 50_000
"""Between two lines: 20,000 a second, as they come in later."""
DAY_NS = 86_400 * 10**9
FED_SECONDS = 20.0
"""Of lines that come in again and again."""


@dataclass(kw_only=True)
class Measured:
    """Milliseconds by query. `answers`: lines found by query and group, before anything else came in."""

    loaded: Loaded
    disk: dict[str, int]
    peak_after_load: float
    answers: Answers = field(default_factory=dict)
    first: Milliseconds = field(default_factory=dict)
    repeated: Milliseconds = field(default_factory=dict)
    together: Milliseconds = field(default_factory=dict)
    small: Milliseconds = field(default_factory=dict)
    grown: Milliseconds = field(default_factory=dict)
    """Asked again in quiet, before and after the store has grown."""
    grown_answers: Answers = field(default_factory=dict)
    peak: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`more`: lines that it grows by, to `grown`; both None and 0 where it does not. `fed`: lines that come in while it
    is asked. `incoming`: of them a second, 0 for none."""

    lines: int
    file: Path
    more: Path | None
    grown: int
    fed: Path
    incoming: float
    rounds: int
    asked: list[Question]


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
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
    parser.add_argument("--growth", type=int, default=0, metavar="LINES", help="let it grow to so many, and ask again")
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
    """Files of lines: those to load end now, those to grow by before them, and those to come in begin behind."""
    make = KINDS[options.kind]
    growing = max(0, options.growth - options.lines)
    start_ns = int(time.time()) * 10**9 - options.lines * STEP_NS
    first_ns = start_ns - growing * STEP_NS - 10**9
    file, more, fed = (directory / name for name in ("lines", "more", "fed"))
    last_ns = write(file, make(options.lines, start_ns=start_ns, step_ns=STEP_NS))
    if growing:
        write(more, make(growing, start_ns=first_ns, step_ns=STEP_NS, seed=3))
    # A second of its own, so that nobody has to say on which side of it a line lies.
    end_ns = (last_ns // 10**9 + 1) * 10**9
    write(fed, make(int(options.incoming * FED_SECONDS), start_ns=end_ns, step_ns=STEP_NS, seed=2, with_old=False))
    show(f"{options.lines:,} lines of {file.stat().st_size / options.lines:.0f} bytes")
    return Work(
        lines=options.lines,
        file=file,
        more=more if growing else None,
        grown=options.lines + growing,
        fed=fed,
        incoming=options.incoming,
        rounds=options.rounds,
        asked=questions(options.kind, file, Span(start=rfc_3339(first_ns - DAY_NS), end=rfc_3339(end_ns))),
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
    found.first, found.answers = ask_once(side, work.asked)
    if work.more is not None:
        found.small = ask_again(side, work.asked, work.rounds)
        side.grow(work.more, work.grown)
        _, found.grown_answers = ask_once(side, work.asked)
        found.grown = ask_again(side, work.asked, work.rounds)
        show(f"{side.name}: grown")
    with coming_in(side, work.fed, work.incoming):
        found.repeated = ask_again(side, work.asked, work.rounds)
        found.together = ask_together(side, work.asked, max(1, work.rounds // 3))
    found.peak = peak(side)
    show(f"{side.name}: asked")
    return found


def peak(side: Side) -> float:
    """MiB, of all processes of a store; each at its own time."""
    return sum(usage.peak_mb for usage in side.usage().values())


def differences(measured: dict[str, Measured]) -> list[str]:
    """What the stores do not agree about."""
    if len(measured) < len(FOUND):
        return []
    ours, theirs = (measured[name] for name in FOUND)
    return [
        f"the answers differ: {name}: {found[name]} and {other[name]}"
        for found, other in ((ours.answers, theirs.answers), (ours.grown_answers, theirs.grown_answers))
        for name in found
        if found[name] != other[name]
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
        if work.more is not None:
            yield (
                f"{name}: {work.grown / work.lines:g} times the lines, times as long",
                [one.grown[name] / one.small[name] for one in found],
            )


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def show(text: str) -> None:
    """Progress; stdout is for the result."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Run the programs against both brokers and compare: `python -m interop [--only PATTERN]`.

Transcripts and differences are kept in `artifacts/interop`. The exit status is 1 when there is a difference that
`differences.toml` does not explain, or an explanation of none.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

from interop.page import PAGE, Result, put_into
from interop.programs import HERE, PROGRAMS, Program
from interop.running import kafka, logpost, missing, run, set_up
from interop.transcript import Known, Transcript, difference, unexplained, unused
from tests.support.apache_kafka import KafkaUnavailableError, kafka_libs

SHOWN_CHARACTERS = 240
"""Of a line; the whole of it is in the artifacts."""
ARTIFACTS = HERE.parent / "artifacts" / "interop"


class Started(Protocol):
    """Starts a broker in a directory."""

    def __call__(self, directory: Path) -> AbstractContextManager[str]: ...


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m interop", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="programs whose name contains this expression")
    parser.add_argument("--write-page", action="store_true", help="write the table and the differences into the docs")
    options = parser.parse_args(arguments)
    try:
        libs = kafka_libs()
    except KafkaUnavailableError as error:
        print(f"interop: {error}", file=sys.stderr)
        return 2
    wanted = [program for program in PROGRAMS if re.search(options.only, program.name)]
    known = known_differences()
    results = [compared(program, libs, known) for program in wanted]
    left_over = unused({result.name: result.lines for result in results if result.lines is not None}, known)
    for each in left_over:
        print(f"{each.program}: no such difference any more: {each.pattern}")
    if options.write_page:
        PAGE.write_text(put_into(PAGE.read_text(), results, known))
    return 1 if left_over or any(result.unexplained for result in results) else 0


def known_differences() -> list[Known]:
    return [Known(**each) for each in tomllib.loads((HERE / "differences.toml").read_text()).get("difference", [])]


def compared(program: Program, libs: Path, known: Sequence[Known]) -> Result:
    print(f"{program.name}: ", end="", flush=True)
    reason = missing(program) or set_up(program, libs)
    if reason is not None:
        print(f"left out, {reason}")
        return Result(name=program.name, reason=reason)
    with ThreadPoolExecutor(2) as side_by_side:
        runs = (
            side_by_side.submit(transcript, program, "logpost", logpost, libs),
            side_by_side.submit(transcript, program, "kafka", partial(kafka, libs=libs), libs),
        )
        ours, theirs = (run.result() for run in runs)
    lines = difference(ours, theirs)
    (ARTIFACTS / f"{program.name}.diff").write_text("".join(f"{line}\n" for line in lines))
    left = unexplained(program.name, lines, known)
    print(f"{len(theirs.lines)} facts, {len(lines)} lines differ, {len(left)} of them unexplained")
    for line in left:
        print(f"    {line[:SHOWN_CHARACTERS]}")
    return Result(name=program.name, facts=len(theirs.lines), lines=lines, unexplained=left)


def transcript(program: Program, name: str, broker: Started, libs: Path) -> Transcript:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, broker(Path(directory) / name) as servers:
        found = run(program, servers, libs, ARTIFACTS / f"{program.name}.{name}.stderr")
    (ARTIFACTS / f"{program.name}.{name}").write_text("".join(f"{line}\n" for line in found.lines))
    return found


if __name__ == "__main__":
    sys.exit(main())

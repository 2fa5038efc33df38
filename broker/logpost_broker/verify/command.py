"""The command `logpost broker verify`. Exit status: 0 all is well, 1 something is wrong, 2 it could not look."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from logpost.config import Config
from logpost.errors import ConfigError
from logpost.progress import MEGABYTE, Progress
from logpost_broker.verify.directory import Verification, log_bytes
from logpost_broker.verify.power_cut import cost_of_power_cut
from logpost_broker.verify.report import Report

COLUMNS = ("TOPIC", "PARTITIONS", "SEGMENTS", "BATCHES", "RECORDS", "BYTES", "PROBLEMS")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Raises ConfigError, StartError."""
    directory = parsed.directory or config.data_directory() / "broker"
    began = time.monotonic()
    try:
        with Progress(log_bytes(directory), sys.stderr) as progress:
            read = progress.add
            report = Verification(directory=directory, config=config.broker, deep=parsed.deep, on_read=read).run()
    except PermissionError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}: run this as its owner") from error
    elapsed_seconds = time.monotonic() - began
    if parsed.json:
        sys.stdout.buffer.write(msgspec.json.encode(as_object(report, elapsed_seconds)) + b"\n")
    else:
        sys.stdout.writelines(line + "\n" for line in _lines(report, progress.done_bytes, elapsed_seconds))
    return 1 if report.total("error") else 0


def as_object(report: Report, elapsed_seconds: float) -> dict[str, Any]:
    """The report for programs."""
    return {
        "directory": report.directory,
        "online": report.online,
        "clean_shutdown": report.clean,
        "flush": report.flush,
        "errors": report.total("error"),
        "warnings": report.total("warning"),
        "notes": report.total("note"),
        "problems": [dataclasses.asdict(problem) for problem in report.problems],
        "problems_not_listed": report.unnamed,
        "topics": [dataclasses.asdict(topic) for topic in report.topics()],
        "partitions": [
            {name: value for name, value in dataclasses.asdict(partition).items() if name != "findings"}
            for partition in report.partitions
        ],
        "power_cut": cost_of_power_cut(report),
        "elapsed_seconds": round(elapsed_seconds, 3),
    }


def _lines(report: Report, read_bytes: int, elapsed_seconds: float) -> Iterator[str]:
    yield f"{report.directory}: {_state(report)}"
    yield ""
    yield from _table(report)
    yield ""
    if report.problems:
        yield from (problem.line() for problem in report.problems)
        if report.unnamed:
            yield f"… and {report.unnamed:,} more of the same partitions"
        yield ""
    yield cost_of_power_cut(report)
    megabytes = read_bytes / MEGABYTE
    yield (
        f"errors: {report.total('error'):,}, warnings: {report.total('warning'):,}; read {megabytes:,.1f} MB "
        f"in {elapsed_seconds:.1f} s ({megabytes / elapsed_seconds:,.0f} MB/s)"
    )


def _state(report: Report) -> str:
    if report.online:
        return "online, a broker has it open: read without a lock, what it writes meanwhile is not judged"
    return "offline, stopped in order" if report.clean else "offline, not stopped in order: the next start recovers it"


def _table(report: Report) -> Iterator[str]:
    rows = [COLUMNS]
    for topic in report.topics():
        name, *numbers = dataclasses.astuple(topic)
        rows.append((name, *(f"{number:,}" for number in numbers)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for name, *numbers in rows:
        cells = [f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([f"{name:<{widths[0]}}", *cells])

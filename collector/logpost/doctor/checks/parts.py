"""`parts`: which parts run here, and whether they are the release that is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "parts"
SUPERVISOR = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """`pid`: the process that holds the part's directory, None where the part does not run. `is_stopped`: by a signal
    or a debugger. `is_older`: it was started before the files of this release were installed."""

    name: str
    pid: int | None
    is_stopped: bool = False
    is_older: bool = False


def judge(parts: Sequence[PartFacts]) -> Iterator[Result]:
    running = [part for part in parts if part.pid is not None]
    if not running:
        yield warn(CHECK, "no part of logpost runs here", "start it: `systemctl start logpost`, or `logpost up`")
        return
    for part in running:
        if part.is_stopped:
            yield fail(CHECK, f"{part.name} (pid {part.pid}) is stopped by a signal", f"kill -CONT {part.pid}")
        if part.is_older:
            yield warn(
                CHECK,
                f"{part.name} (pid {part.pid}) runs an older release than the one that is installed",
                "restart it: `systemctl restart logpost` or logpost-agent",
            )
    if any(part.name == SUPERVISOR for part in running):
        for part in parts:
            if part.pid is None:
                yield fail(
                    CHECK,
                    f"{part.name} does not run, although `logpost up` does",
                    f"read why: the last lines of log/{part.name}.log and log/up.log of the data directory",
                )
    yield ok(CHECK, ", ".join(f"{part.name} runs (pid {part.pid})" for part in running))

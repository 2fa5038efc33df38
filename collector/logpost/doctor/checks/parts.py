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
    or a debugger. `is_older`: it was started before the files of this release were installed. `is_hidden`: this user
    may not know whether it runs. `was_used`: it has run here before."""

    name: str
    pid: int | None
    is_stopped: bool = False
    is_older: bool = False
    is_hidden: bool = False
    was_used: bool = False


def judge(parts: Sequence[PartFacts], *, restored: str = "") -> Iterator[Result]:
    """`restored`: the data directory, where a restore is under way in it."""
    running = [part for part in parts if part.pid is not None]
    found = [result for part in running for result in _judge(part)]
    if restored:
        found.append(
            fail(
                CHECK,
                f"{restored} is of a restore that was interrupted or goes on: no part starts",
                "run `logpost restore` again, or move the directory away",
            )
        )
    if hidden := [part.name for part in parts if part.is_hidden]:
        found.append(warn(CHECK, f"whether {', '.join(hidden)} run is not for this user to know", "run this as root"))
    if any(part.name == SUPERVISOR for part in running):
        found += _missing(parts)
    elif running:
        found += _over(parts)
    if not running and not found:
        found.append(
            warn(CHECK, "no part of logpost runs here", "start it: `systemctl start logpost`, or `logpost up`")
        )
    yield from found
    if running:
        yield ok(CHECK, ", ".join(f"{part.name} runs (pid {part.pid})" for part in running))


def _judge(part: PartFacts) -> Iterator[Result]:
    if part.is_stopped:
        yield fail(CHECK, f"{part.name} (pid {part.pid}) is stopped by a signal", f"kill -CONT {part.pid}")
    if part.is_older:
        yield warn(
            CHECK,
            f"{part.name} (pid {part.pid}) runs an older release than the one that is installed",
            "restart it: `systemctl restart logpost` or logpost-agent",
        )


def _missing(parts: Sequence[PartFacts]) -> Iterator[Result]:
    for part in parts:
        if part.pid is None and not part.is_hidden:
            yield fail(
                CHECK,
                f"{part.name} does not run, although `logpost up` does",
                f"read why: the last lines of log/{part.name}.log and log/up.log of the data directory",
            )


def _over(parts: Sequence[PartFacts]) -> Iterator[Result]:
    """Where each part is a unit of its own."""
    for part in parts:
        if part.pid is None and part.was_used and not part.is_hidden and part.name != SUPERVISOR:
            yield warn(
                CHECK,
                f"{part.name} has run here and does not now, while others do",
                f"start it (`systemctl start logpost-{part.name}`; `systemctl status` says why it ended), or move away "
                "what it has left in the data directory",
            )

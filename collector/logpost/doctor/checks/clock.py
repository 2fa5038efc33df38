"""`clock`: whether this host's clock is right, by all that knows a time."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "clock"
OFF_SECONDS = 60.0
"""As the agent's own warning."""
LATE_SECONDS = 5.0
BEFORE_LOGPOST = 1_735_689_600.0
"""2025: a clock that says less was never set."""
SET_IT = "let a time service set it: `timedatectl set-ntp true`, or chrony"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """Unix seconds. `is_synchronised`: None where the kernel does not say. `newest`: the newest file of the data and
    when it was written. `ahead`: of whose clock this one is ahead, and by how much."""

    now: float
    is_synchronised: bool | None
    newest: tuple[str, float] | None
    ahead: Mapping[str, float]


def judge(facts: ClockFacts) -> Iterator[Result]:
    shown = datetime.datetime.fromtimestamp(facts.now, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    found: list[Result] = []
    if facts.now < BEFORE_LOGPOST:
        found.append(fail(CHECK, f"the clock says {shown}: it was never set", SET_IT))
    if facts.newest is not None and facts.newest[1] - facts.now > OFF_SECONDS:
        path, written = facts.newest
        found.append(
            fail(CHECK, f"{path} was written {written - facts.now:,.0f} s from now: the clock was set back", SET_IT)
        )
    for whose, seconds in facts.ahead.items():
        if abs(seconds) >= LATE_SECONDS:
            side = "ahead of" if seconds > 0 else "behind"
            judged = fail if abs(seconds) >= OFF_SECONDS else warn
            detail = f"this host's clock is {abs(seconds):,.0f} s {side} {whose}: so are times of lines that tell none"
            found.append(judged(CHECK, detail, SET_IT))
    if facts.is_synchronised is False and not found:
        found.append(warn(CHECK, f"the clock says {shown}, and nothing keeps it right", SET_IT))
    yield from found or [ok(CHECK, shown)]

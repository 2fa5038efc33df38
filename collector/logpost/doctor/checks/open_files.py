"""`open files`: whether the parts may open as many as they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "open files"
WANTED = 65_536
FEW = 4_096
USED_SHARE = 0.9
NEEDS = {
    "broker": "three for each partition in use and one for each connection",
    "web": "one for each connection and two for each column of each part of the store that is read",
    "agent": "one for each log that grows",
}
REMEDY = f"raise it: LimitNOFILE={WANTED} in the unit, or `ulimit -n {WANTED}` before `logpost up`"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFilesFacts:
    """`limit`: what the process may come to, by itself. `used`: None where this user may not know."""

    part: str
    limit: int
    used: int | None = None


def judge(parts: Sequence[OpenFilesFacts]) -> Iterator[Result]:
    good = []
    for facts in parts:
        needs = NEEDS.get(facts.part, "")
        if facts.used is not None and facts.used >= USED_SHARE * facts.limit:
            yield fail(CHECK, f"{facts.part} has {facts.used:,} of {facts.limit:,} open; it needs {needs}", REMEDY)
        elif facts.limit < FEW:
            yield warn(CHECK, f"{facts.part} may open {facts.limit:,} files only; it needs {needs}", REMEDY)
        else:
            used = "" if facts.used is None else f"{facts.used:,} of "
            good.append(f"{facts.part} {used}{facts.limit:,}")
    if good:
        yield ok(CHECK, ", ".join(good))

"""`store`: whether the web answers, and its answers are complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "store"
OVERDUE_SECONDS = 3600.0
"""What is to be dropped goes within seconds of a look, which comes every ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What the web at `address` says of itself; `error`: why it said nothing. `reasons`: of `/readyz`. `behind`:
    records that are not searchable yet. `stepped_over`, `lost`: records that never will be. `has_web`: it runs here.
    `overdue_seconds`: for how long retention should have dropped something; `ahead_seconds`: by how much its clock is
    ahead of what it believes."""

    address: str
    has_web: bool
    error: str = ""
    reasons: tuple[str, ...] = ()
    behind: int = 0
    stepped_over: int = 0
    stepped_over_reason: str = ""
    lost: int = 0
    overdue_seconds: float = 0.0
    ahead_seconds: float = 0.0


def judge(facts: StoreFacts) -> Iterator[Result]:
    if facts.error:
        detail = f"{facts.address} does not answer: {facts.error}"
        if facts.has_web:
            yield fail(CHECK, f"{detail}, although the web runs", "see its log; restart it if it hangs")
        else:
            yield warn(CHECK, f"{detail}: nothing can be searched", "start it: `logpost up`, or `logpost web`")
        return
    found = [
        fail(CHECK, reason, "`logpost store check` looks for damage; see the log of the web")
        for reason in facts.reasons
    ]
    if facts.stepped_over:
        found.append(
            warn(
                CHECK,
                f"{facts.stepped_over:,} records are in no answer: {facts.stepped_over_reason}",
                "`logpost broker verify` names damage of the topic; the records stay in it",
            )
        )
    if facts.lost:
        found.append(
            warn(
                CHECK,
                f"{facts.lost:,} rows that the store lost are not in the topic any more",
                "restore a backup if they matter: docs/operate.md",
            )
        )
    found += _retention(facts)
    yield from found or [ok(CHECK, f"{facts.address} is ready, {facts.behind:,} records behind")]


def _retention(facts: StoreFacts) -> Iterator[Result]:
    if facts.overdue_seconds > OVERDUE_SECONDS:
        yield warn(
            CHECK,
            f"what retention should have deleted {facts.overdue_seconds / 3600:,.0f} hours ago is still there",
            "`logpost store stats` says why",
        )
    if facts.ahead_seconds:
        yield warn(
            CHECK,
            f"the clock is {facts.ahead_seconds / 86_400:,.1f} days ahead of retention's: nothing goes by age",
            "set the clock; if it is right, `logpost store confirm`",
        )

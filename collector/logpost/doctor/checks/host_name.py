"""`host name`: whether records say which host they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, ok, warn

CHECK = "host name"
REMEDY = "set agent.hostname (LOGPOST_AGENT_HOSTNAME) to a name that stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNameFacts:
    """`name`: what the kernel says. `passes_with`: the container or pod whose name that is, empty where it stays.
    `setting`: agent.hostname."""

    name: str
    setting: str
    passes_with: str


def judge(facts: HostNameFacts) -> Iterator[Result]:
    if facts.setting:
        yield ok(CHECK, facts.setting)
    elif facts.passes_with:
        what = f"records are of host {facts.name}, the name of {facts.passes_with}: the next one is a new host"
        yield warn(CHECK, what, REMEDY)
    elif facts.name.partition(".")[0] in ("localhost", "(none)", ""):
        yield warn(
            CHECK, f"this host is called {facts.name or 'nothing'}, as others are: nobody can tell them apart", REMEDY
        )
    else:
        yield ok(CHECK, facts.name)

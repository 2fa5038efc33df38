"""`host name`: whether records say which host they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, ok, warn

CHECK = "host name"
REMEDY = "set agent.hostname (LOGPOST_AGENT_HOSTNAME) to a name that stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNameFacts:
    """`name`: what the kernel says, and `is_of_container`: the id of the container that this runs in. `setting`:
    agent.hostname."""

    name: str
    setting: str
    is_of_container: bool


def judge(facts: HostNameFacts) -> Iterator[Result]:
    if facts.setting:
        yield ok(CHECK, facts.setting)
    elif facts.is_of_container:
        yield warn(
            CHECK, f"records are of host {facts.name}, the id of this container: a new host with each one", REMEDY
        )
    elif facts.name.partition(".")[0] in ("localhost", "(none)", ""):
        yield warn(
            CHECK, f"this host is called {facts.name or 'nothing'}, as others are: nobody can tell them apart", REMEDY
        )
    else:
        yield ok(CHECK, facts.name)

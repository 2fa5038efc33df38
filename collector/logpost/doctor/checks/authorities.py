"""`authorities`: by which certificates the broker's is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok

CHECK = "authorities"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritiesFacts:
    """`uses_tls`: kafka.security_protocol. `named`: kafka.ssl_ca_location. `found`: the file or directory in use, empty
    where there is none. `problem`: why it cannot be used."""

    uses_tls: bool
    named: str
    found: str
    problem: str = ""


def judge(facts: AuthoritiesFacts) -> Iterator[Result]:
    if not facts.uses_tls:
        return
    if facts.problem:
        yield fail(
            CHECK,
            f"{facts.named or facts.found}: {facts.problem}",
            "name a file of PEM certificates in kafka.ssl_ca_location",
        )
    elif not facts.found:
        yield fail(
            CHECK,
            "this host has no store of certificate authorities: no broker can be trusted",
            "`apt-get install ca-certificates`, or name the authority in kafka.ssl_ca_location",
        )
    else:
        yield ok(CHECK, facts.found)

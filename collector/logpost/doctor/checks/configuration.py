"""`configuration`: whether it can be used, and whether it keeps its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFacts:
    """`file`: empty where there is none. `mode`: its permission bits. `passed_over`: variables `LOGPOST_…` that
    Kubernetes or Docker made, and that are no settings. `denied`: what of its path `user`, as whom logpost runs, may
    not read."""

    file: str
    mode: int
    has_secrets: bool
    mistakes: tuple[str, ...]
    passed_over: tuple[str, ...] = ()
    user: str = ""
    denied: str = ""


def judge(facts: ConfigurationFacts) -> Iterator[Result]:
    for mistake in facts.mistakes:
        yield fail(CHECK, mistake, "mend it; `logpost config check` names all mistakes")
    if facts.denied:
        yield fail(
            CHECK,
            f"user {facts.user} may not read {facts.denied}: nothing starts or reloads with {facts.file}",
            f"`chgrp logpost-agent {facts.denied}` and `chmod g+rX {facts.denied}`: both users are in that group",
        )
    if facts.file and facts.mode & 0o002:
        yield fail(CHECK, f"every user of this host may change {facts.file}", f"chmod o-w {facts.file}")
    if facts.file and facts.has_secrets and facts.mode & 0o004:
        yield warn(
            CHECK, f"{facts.file} has a password, and every user of this host may read it", f"chmod o-r {facts.file}"
        )
    if not facts.mistakes and not facts.denied:
        ignored = f"; no settings: {', '.join(facts.passed_over)}" if facts.passed_over else ""
        yield ok(CHECK, f"{facts.file or 'no file: all settings have their defaults'}{ignored}")

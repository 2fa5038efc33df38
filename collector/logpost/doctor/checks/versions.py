"""`versions`: what is installed, and whether it can read what is in the data directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok

CHECK = "versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """`installed`: by name. `problems`: why this release cannot use what another has written."""

    installed: Mapping[str, str]
    problems: tuple[str, ...]


def judge(facts: VersionFacts) -> Iterator[Result]:
    for problem in facts.problems:
        yield fail(
            CHECK, problem, "install the release that wrote it, or restore a backup of this one: docs/operate.md"
        )
    if not facts.problems:
        yield ok(CHECK, ", ".join(f"{name} {version}" for name, version in facts.installed.items()))

"""`inotify`: whether the agent is told of files that change, or must look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, ok, warn

CHECK = "inotify"
FEW_WATCHES = 1_024
USED_SHARE = 0.95
FALLBACK = "the agent then only looks at its files every agent.poll_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class InotifyFacts:
    """Of the user that the agent runs as: what all its processes together have, as far as it can be seen, and may
    have."""

    user: str
    instances: int
    most_instances: int
    watches: int
    most_watches: int


def judge(facts: InotifyFacts | None) -> Iterator[Result]:
    if facts is None:
        yield ok(CHECK, "this system has none: the agent looks at its files every agent.poll_seconds")
        return
    found = [
        warn(
            CHECK,
            f"user {facts.user} has {used:,} of {most:,} inotify {what}: {FALLBACK}",
            f"`sysctl fs.inotify.max_user_{what}={wanted}`, and the same line in /etc/sysctl.d/60-inotify.conf",
        )
        for what, used, most, wanted in (
            ("instances", facts.instances, facts.most_instances, max(1_024, 2 * facts.most_instances)),
            ("watches", facts.watches, facts.most_watches, max(524_288, 2 * facts.most_watches)),
        )
        if used >= USED_SHARE * most or (what == "watches" and most < FEW_WATCHES)
    ]
    instances, watches = (
        f"{facts.instances:,} of {facts.most_instances:,}",
        f"{facts.watches:,} of {facts.most_watches:,}",
    )
    detail = f"{instances} instances, {watches} watches"
    yield from found or [ok(CHECK, detail)]

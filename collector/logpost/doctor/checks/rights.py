"""`rights`: whether the parts can write their directories, and nobody else can read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "rights"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryFacts:
    """The data directory or a part's in it. `user` (name or number) is its owner. `problem`: why that user, or this
    one, cannot use it. `foreign`: the first path below that is another user's, and whose. `open_to_others`: the first
    path that any user may look into. `remark`: what could not be looked at."""

    path: str
    exists: bool
    user: str = ""
    problem: str = ""
    foreign: tuple[str, str] | None = None
    open_to_others: str = ""
    remark: str = ""


def judge(directories: Sequence[DirectoryFacts]) -> Iterator[Result]:
    found = [result for facts in directories for result in _judge(facts)]
    yield from found
    if not found:
        data = directories[0]
        yield ok(CHECK, f"{data.path} is {data.user}'s alone" if data.exists else f"{data.path} can be made")


def _judge(facts: DirectoryFacts) -> Iterator[Result]:
    if facts.problem:
        owner = facts.user or "logpost"
        remedy = f"run this as {owner}, or `chown -R {owner} {facts.path}`, or name another directory with --data"
        yield fail(CHECK, f"{facts.path}: {facts.problem}", remedy)
    if facts.foreign is not None:
        path, user = facts.foreign
        yield fail(
            CHECK,
            f"{path} belongs to {user}, and its directory to {facts.user}: the part cannot write it",
            f"stop logpost, then `chown -R {facts.user}: {facts.path}`",
        )
    if facts.open_to_others:
        yield warn(
            CHECK,
            f"every user of this host may look into {facts.open_to_others}",
            f"chmod -R o= {facts.open_to_others}",
        )
    if facts.remark:
        yield warn(CHECK, facts.remark, "run `logpost doctor` as root, or as the user that logpost runs as")

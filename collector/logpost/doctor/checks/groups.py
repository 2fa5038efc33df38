"""`groups`: whether the indexer, and the readers of other topics, are where the topics have records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "groups"
FAR_BEHIND = 1_000_000
"""Records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """Of one consumer group, over all partitions that it committed to. `lag`: records it has yet to read. `lost`:
    records behind its commits that the topic has no more. `ahead`: how far its commits are behind the end of the log:
    the broker was put back, or its topic made again."""

    name: str
    members: int | None
    lag: int
    lost: int = 0
    ahead: int = 0


def unanswered(questions: Sequence[str]) -> Iterator[Result]:
    """`questions`: what the broker did not say."""
    if questions:
        more = f" and {len(questions) - 1} more" if len(questions) > 1 else ""
        yield warn(
            CHECK,
            f"the broker did not say {questions[0]}{more}",
            "give the user of [kafka] the right to describe groups and topics; or the broker is slow: see its log",
        )


def judge(indexer: str, groups: Sequence[GroupFacts], *, has_web: bool) -> Iterator[Result]:
    """`indexer`: the group of the indexer. `has_web`: a web of this configuration runs here."""
    found = [result for facts in groups for result in _judge(facts)]
    own = next((facts for facts in groups if facts.name == indexer), None)
    if has_web and own is not None and own.members == 0:
        found.append(
            fail(
                CHECK,
                f"the web runs, and nobody reads for {indexer}: nothing is indexed",
                "restart the web; see its log",
            )
        )
    if own is not None and own.lag > FAR_BEHIND:
        found.append(
            warn(
                CHECK,
                f"{indexer} is {own.lag:,} records behind: searches lack them",
                "wait, or give the web more CPU; `logpost status` shows how fast it indexes",
            )
        )
    yield from found
    if not found:
        behind = f"{indexer} is {own.lag:,} records behind" if own else f"{indexer} has read nothing yet"
        yield ok(CHECK, f"{len(groups)} groups; {behind}")


def _judge(facts: GroupFacts) -> Iterator[Result]:
    if facts.lost:
        yield fail(
            CHECK,
            f"{facts.lost:,} records were deleted before {facts.name} read them",
            "let topics keep more (broker.retention), or the readers be faster; these records are gone",
        )
    if facts.ahead:
        yield warn(
            CHECK,
            f"{facts.name} stands {facts.ahead:,} records behind the end of its log: the broker was put back",
            "the indexer finds that out by itself; other readers: reset their offsets",
        )

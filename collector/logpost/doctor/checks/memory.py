"""`memory`: whether the store fits into what this host, or its container, has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "memory"
MB = 1e6
OTHERS_BYTES = 512 * 1024 * 1024
"""For broker, agent and the web without its store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFacts:
    """`store_bytes`: what a store that is in the web's process may use here; 0 where there is none.
    `limit_bytes`: of the container or the unit; 0 for none. `killed`: processes of the unit or container that were
    killed for memory."""

    total_bytes: int
    limit_bytes: int
    store_bytes: int
    killed: int


def judge(facts: MemoryFacts) -> Iterator[Result]:
    has = min(facts.limit_bytes or facts.total_bytes, facts.total_bytes)
    whose = "its limit" if has < facts.total_bytes else "the host"
    if facts.killed:
        yield fail(
            CHECK,
            f"{facts.killed} processes were killed for memory",
            "raise MemoryMax= of the unit or the container's limit, or lower store.max_memory_bytes",
        )
    if facts.store_bytes and facts.store_bytes + OTHERS_BYTES > has:
        yield warn(
            CHECK,
            f"the store may use {facts.store_bytes / MB:,.0f} MB, and {whose} has {has / MB:,.0f} MB for all parts",
            f"set store.max_memory_bytes to {max(256, int((has - OTHERS_BYTES) / MB))}000000 or less, or add memory",
        )
    elif not facts.killed:
        yield ok(CHECK, f"{has / MB:,.0f} MB")

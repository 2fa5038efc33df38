"""How the engine's memory is shared out, so that searches never take what an insert or a merge needs. Pure, but for
`available_bytes`.

The engine's own limit hits whatever asks next. So it is never to be reached: a third is left to inserts and merges,
and each search has a limit of its own, all of which fit into the rest. A search that needs more runs again as a heavy
one: these run one at a time, and have three times as much.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost.config import StoreConfig
from logpost.store_memory import engine_bytes

MIB = 1024 * 1024
SHORT_SEARCHES = 4
"""Those that run at once beside store.max_searches."""
HEAVY_SHARES = 3
"""What a heavy search has, in shares of another."""
SPILL_PART = 4
"""A sort or a group-by goes to the disk when it takes one in so many of what its search has."""

ROWS_AT_ONCE = 8_192
"""That a search reads; 65,409 is the engine's default. It holds them several times, on each core: with messages of 150
bytes that was more than a search has where many have the word, and it ran a second time, alone and on one thread."""

LEAN = {
    # Rows of all parts side by side, in order, hold a block of each part: 130 messages of 1.5 MB in 7 parts took
    # 180 MB, one part after the other 27.
    "optimize_read_in_order": 0,
    "max_threads": 1,
    # Long messages are cut before the rows are sorted, and not fetched afterwards for all of a page at once: 380 MB.
    "query_plan_execute_functions_after_sorting": 0,
    "query_plan_optimize_lazy_materialization": 0,
}
"""Settings of the engine with which a search takes less memory and more time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of a search, in bytes: memory, and what it may put on the disk."""

    memory: int
    spill: int
    is_lean: bool = False

    def settings(self) -> dict[str, int]:
        """Of the engine, for the statement."""
        return {
            "max_memory_usage": self.memory,
            "memory_overcommit_ratio_denominator": self.memory,
            "max_block_size": ROWS_AT_ONCE,
            "max_bytes_before_external_group_by": self.memory // SPILL_PART,
            "max_bytes_before_external_sort": self.memory // SPILL_PART,
            "max_temporary_data_on_disk_size_for_query": self.spill,
            **(LEAN if self.is_lean else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """`total`: bytes of the engine."""

    total: int
    search: Share
    heavy: Share

    def settings(self) -> dict[str, int]:
        """Of the engine, for all statements that are no search. An insert that needs more is refused with words that
        tell it from a shortage: the indexer then inserts less at once."""
        return {
            "max_memory_usage": self.total // 2,
            # Where memory runs short all the same, the engine ends a statement. Not one of these.
            "memory_overcommit_ratio_denominator": 0,
        }


def shares(config: StoreConfig, available: int) -> Memory:
    """`available`: bytes of memory, of which the half is for Python and the client of Kafka."""
    total = engine_bytes(config.max_memory_bytes, available)
    count = config.max_searches + SHORT_SEARCHES + HEAVY_SHARES
    # 0 is no limit to the engine.
    memory, spill = max(1, total * 2 // 3 // count), max(1, config.max_spill_bytes // count)
    return Memory(
        total=total,
        search=Share(memory=memory, spill=spill),
        heavy=Share(memory=HEAVY_SHARES * memory, spill=HEAVY_SHARES * spill, is_lean=True),
    )


def available_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """What this machine has, or the control groups around this process allow, whichever is least."""
    return min((limit for limit in _limits(proc, cgroups) if limit > 0), default=1 << 62)


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for kilobytes in re.findall(r"^MemTotal: +(\d+) kB", (proc / "meminfo").read_text(), re.MULTILINE):
            yield int(kilobytes) * 1024
    groups = ""
    with contextlib.suppress(OSError):
        groups = (proc / "self" / "cgroup").read_text()
    # Of version 2, and of version 1.
    for pattern, root, file in (
        (r"^0::/(.*)$", cgroups, "memory.max"),
        (r"^\d+:memory:/(.*)$", cgroups / "memory", "memory.limit_in_bytes"),
    ):
        for group in re.findall(pattern, groups, re.MULTILINE):
            place = root / group
            for directory in (place, *place.parents):
                if directory.is_relative_to(root):
                    with contextlib.suppress(OSError, ValueError):  # `max` is no number
                        yield int((directory / file).read_text())

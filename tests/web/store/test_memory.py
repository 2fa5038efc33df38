"""Searches never take what an insert needs, however many there are and however small the machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost.store_memory import LEAST_BYTES
from logpost_web.store.memory import SHORT_SEARCHES, available_bytes, shares

MIB = 1024 * 1024


@pytest.mark.parametrize("max_searches", [1, 3, 64])
@pytest.mark.parametrize("available", [300 * MIB, 700 * MIB, 64 * 1024 * MIB])
def test_all_searches_together_leave_a_third_to_inserts_and_merges(max_searches: int, available: int) -> None:
    config = StoreConfig(max_searches=max_searches)
    memory = shares(config, available)
    at_once = max_searches + SHORT_SEARCHES
    assert at_once * memory.search.memory + memory.heavy.memory <= memory.total * 2 / 3
    assert at_once * memory.search.spill + memory.heavy.spill <= config.max_spill_bytes
    assert memory.total <= max(available / 2, LEAST_BYTES)
    assert memory.total <= config.max_memory_bytes


def test_no_search_is_without_a_limit_because_the_store_has_little() -> None:
    memory = shares(StoreConfig(max_memory_bytes=1, max_spill_bytes=1), 1 << 40)
    limits = ("max_memory_usage", "max_temporary_data_on_disk_size_for_query")  # 0 is none
    assert all(share.settings()[limit] > 0 for share in (memory.search, memory.heavy) for limit in limits)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/box/web\n", {"box/web/memory.max": "max\n", "box/memory.max": f"{700 * MIB}\n"}, 700 * MIB),
        ("0::/box/web\n", {"box/web/memory.max": f"{300 * MIB}\n", "box/memory.max": "max\n"}, 300 * MIB),
        ("5:memory:/box\n0::/box\n", {"memory/box/memory.limit_in_bytes": f"{400 * MIB}\n"}, 400 * MIB),
        ("0::/elsewhere\n", {}, 8192 * MIB),
    ],
)
def test_what_there_is_is_the_least_of_machine_and_groups(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(groups)
    (proc / "meminfo").write_text("MemTotal:        8388608 kB\nMemFree:          100 kB\n")
    for name, text in files.items():
        file = cgroups / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert available_bytes(proc, cgroups) == expected


def test_without_an_answer_of_the_kernel_the_setting_decides(tmp_path: Path) -> None:
    assert shares(StoreConfig(), available_bytes(tmp_path, tmp_path)).total == StoreConfig().max_memory_bytes

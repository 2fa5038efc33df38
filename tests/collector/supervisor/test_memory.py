"""What the kernel counts for the service."""

from pathlib import Path

import pytest

from logpost.supervisor.memory import kills


@pytest.mark.parametrize(
    ("groups", "events", "expected"),
    [
        ("0::/system.slice/logpost.service\n", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n", 2),
        ("12:pids:/x\n0::/system.slice/logpost.service\n", "oom_kill 1\n", 1),
        ("0::/system.slice/logpost.service\n", "low 0\n", 0),
        ("0::/elsewhere\n", "oom_kill 1\n", 0),
        ("4:memory:/x\n", "oom_kill 1\n", 0),
    ],
)
def test_kills_are_those_of_the_own_group(tmp_path: Path, groups: str, events: str, expected: int) -> None:
    (tmp_path / "cgroup").write_text(groups)
    group = tmp_path / "root" / "system.slice" / "logpost.service"
    group.mkdir(parents=True)
    (group / "memory.events").write_text(events)
    assert kills(tmp_path / "cgroup", tmp_path / "root") == expected


def test_where_memory_is_counted_by_the_first_version_that_count_is_taken(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("4:memory:/system.slice/logpost.service\n0::/system.slice/logpost.service\n")
    group = tmp_path / "memory" / "system.slice" / "logpost.service"
    group.mkdir(parents=True)
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert kills(tmp_path / "cgroup", tmp_path) == 2


def test_a_machine_without_control_groups_counts_none(tmp_path: Path) -> None:
    assert kills(tmp_path / "none", tmp_path) == 0

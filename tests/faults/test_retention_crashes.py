"""kill -9 behind each step of a drop: the store opens, says what it has, and nothing that went is back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.retention_child import DUE, ROWS, UNITS

STEPS = (1, 2, 3, 4, 6)
"""Written down what goes, gone, counted out, forgotten; and in the second unit."""


def run(directory: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status, and what it said."""
    command = [sys.executable, "-m", "tests.faults.retention_child", str(directory), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_kill_9_behind_each_step_of_a_drop(tmp_path: Path) -> None:
    status, [before] = run(tmp_path / "store", "fill")
    assert (status, len(before["days"]), before["rows"]) == (0, UNITS, UNITS * ROWS)
    for step in STEPS:
        status, [found] = run(tmp_path / "store", "drop", str(step))
        assert status == -signal.SIGKILL
        assert found["says"] == found["rows"] == ROWS * len(found["days"])
        assert set(found["days"]) <= set(before["days"])
        before = found
    status, [found, last] = run(tmp_path / "store", "drop")
    assert (status, found["says"]) == (0, found["rows"])
    assert set(found["days"]) < set(before["days"])
    assert last["days"] == [f"day {number}" for number in range(DUE, UNITS)]
    assert last["says"] == last["rows"] == (UNITS - DUE) * ROWS

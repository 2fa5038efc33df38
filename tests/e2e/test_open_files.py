"""A limit of open files that is no limit, as in some containers, costs a part neither time nor memory: nothing is sized
by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.processes import Part, free_port

USUAL = 4_096
NONE = 1_073_741_816
"""What `LimitNOFILE=infinity` was on some hosts."""
SET = 'ulimit -n "$LIMIT" 2>/dev/null || ulimit -n $(ulimit -H -n); exec "$@"'
"""As far as this host allows."""


@pytest.mark.parametrize("name", ["broker", "web", "agent"])
def test_memory_does_not_grow_with_the_limit(name: str, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a line\n")
    config = tmp_path / "logpost.toml"
    config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n')
    settings = {"kafka.bootstrap_servers": "127.0.0.1:1", "broker.metrics_port": 0, "agent.metrics_port": 0}
    settings |= {"broker.port": free_port(), "web.port": free_port()}
    used = []
    for limit in (USUAL, NONE):
        options = ("--config", str(config), "--data", str(tmp_path / str(limit)))
        part = Part(name, *options, settings=settings, inside=("sh", "-c", SET, "sh"))
        part.environment["LIMIT"] = str(limit)
        with part.start():
            used.append(peak_bytes(part.process.pid))
    assert used[1] < 1.1 * used[0] + 8e6, used


def peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024

"""How often the kernel has ended a process of this service because its memory was used up."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def kills(own_group: Path = OWN_GROUP, root: Path = ROOT) -> int:
    """Since the control group (version 2) was made; 0 where there is none that counts."""
    try:
        group = re.search(r"^0::/(.*)$", own_group.read_text(), re.MULTILINE)
        events = (root / group[1] / "memory.events").read_text() if group is not None else ""
    except OSError:
        return 0
    counted = re.search(r"^oom_kill (\d+)$", events, re.MULTILINE)
    return int(counted[1]) if counted is not None else 0

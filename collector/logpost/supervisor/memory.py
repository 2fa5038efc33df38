"""How often the kernel has ended a process of this service because its memory was used up."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")
_VERSIONS = ((r"^\d+:memory:/(.*)$", "memory", "memory.oom_control"), (r"^0::/(.*)$", "", "memory.events"))
"""Of control groups, 1 before 2, which has no memory where 1 has it: the group's line, the hierarchy, what counts."""


def kills(own_group: Path = OWN_GROUP, root: Path = ROOT) -> int:
    """Since the control group was made; 0 where there is none that counts."""
    try:
        groups = own_group.read_text()
        for pattern, hierarchy, file in _VERSIONS:
            if group := re.search(pattern, groups, re.MULTILINE):
                return _counted((root / hierarchy / group[1] / file).read_text())
    except OSError:
        pass
    return 0


def _counted(events: str) -> int:
    found = re.search(r"^oom_kill (\d+)$", events, re.MULTILINE)
    return int(found[1]) if found is not None else 0

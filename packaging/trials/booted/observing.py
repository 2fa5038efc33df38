"""What can be seen of a machine's logpost, from outside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from trials.booted.machine import Machine

SECONDS = 120.0
PAUSE_SECONDS = 0.2


def until(holds: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(PAUSE_SECONDS)


def search(machine: Machine, query: str) -> list[str]:
    """The messages that are found; none while nothing answers."""
    found = machine.run(f"logpost search '{query}' --json --limit 1000000 2>/dev/null", status=None)
    return [json.loads(line)["message"] for line in found.splitlines()]


def shown(machine: Machine, name: str, unit: str = "logpost") -> str:
    """A property of the unit."""
    return machine.run(f"systemctl show --property={name} --value {unit}").strip()


def listed(machine: Machine) -> list[str]:
    """The units of logpost that systemd has to do with."""
    return [line.split()[0] for line in machine.run("systemctl list-units --plain --no-legend 'logpost*'").splitlines()]


def entries(machine: Machine, options: str = "", unit: str = "logpost") -> list[dict[str, Any]]:
    """Of the journal, the oldest first: what the unit's processes said, not what systemd says of it."""
    lines = machine.run(f"journalctl --no-pager --output=json {options} _SYSTEMD_UNIT={unit}.service").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def write(machine: Machine, path: str, line: str, *, owner: str = "root:root", mode: str = "600") -> None:
    """A file with one line, or one more in it."""
    made = f"install -D -m {mode} /dev/null {path} && chown {owner} {path}"
    machine.run(f"[ -e {path} ] || {{ {made}; }}; echo '{line}' >>{path}")


def drop_in(machine: Machine, unit: str, lines: str) -> None:
    """As `systemctl edit` makes one."""
    directory = machine.file(f"/etc/systemd/system/{unit}.service.d")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{len(list(directory.iterdir()))}.conf").write_text(f"[Service]\n{lines}\n")
    machine.run("systemctl daemon-reload")

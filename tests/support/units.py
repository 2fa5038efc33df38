"""Units of systemd, read as it reads them, and what of their sandbox holds for a process without a booted systemd:

    python tests/support/units.py FILE COMMAND…

runs the command without capabilities and new privileges, with the unit's system calls, address families, limit of open
files and umask, and with `MemoryDenyWriteExecute`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

UNITS = Path(__file__).parent.parent.parent / "systemd"
NAMES = ("logpost", "logpost-broker", "logpost-web", "logpost-agent")
SANDBOX_NEEDS = ("systemd-analyze", "setpriv")

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
COMPARE_EQUAL = 4
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65


def settings(unit: Path) -> dict[str, list[str]]:
    """`Section.Name` → its values, in the order of the file."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[f"{section}.{name}"].append(value)
    return found


def lacking() -> str:
    """What of the sandbox's needs is not here."""
    if os.geteuid() != 0:
        return "root"
    return next((name for name in SANDBOX_NEEDS if not shutil.which(name)), "")


def sandbox(unit: str) -> list[str]:
    """What to put before a command."""
    return [
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        sys.executable,
        __file__,
        str(UNITS / f"{unit}.service"),
    ]


@cache
def calls(group: str) -> frozenset[str]:
    """System calls of a name, or of a group (`@system-service`) and the groups in it."""
    if not group.startswith("@"):
        return frozenset({group})
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    inside = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return frozenset().union(*map(calls, inside))


def allowed(filters: list[str]) -> set[str]:
    """By the values of `SystemCallFilter`: the first says what is allowed, `~` takes away."""
    found = set(calls("@default"))
    for value in filters:
        named = set().union(*map(calls, value.lstrip("~").split()))
        found = found - named if value.startswith("~") else found | named
    return found


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def _filter_calls(names: set[str], families: list[int]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ERRNO | errno.EPERM))
    for name in sorted(names - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add_array(context, ALLOW, number, 0, None)
    number = library.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        equal = _Comparison(0, COMPARE_EQUAL, family, 0)
        library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(equal))
    if library.seccomp_load(context) != 0:
        raise SystemExit("the filter of system calls could not be loaded")


def main(unit: str, *command: str) -> None:
    found = settings(Path(unit))
    limit = min(int(found["Service.LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.umask(int(found["Service.UMask"][0], 8))
    names = allowed(found["Service.SystemCallFilter"])
    families = [int(socket.AddressFamily[name]) for name in found["Service.RestrictAddressFamilies"][0].split()]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise SystemExit("no_new_privs was refused")
    _filter_calls(names | {"prctl"}, families)
    if found["Service.MemoryDenyWriteExecute"] == ["yes"] and libc.prctl(PR_SET_MDWE, 1, 0, 0, 0):
        sys.stderr.write("this kernel has no PR_SET_MDWE\n")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])

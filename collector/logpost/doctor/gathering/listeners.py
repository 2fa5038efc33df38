"""Who listens on the ports that the parts are to listen on."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from logpost.addresses import LOOPBACK, WILDCARDS
from logpost.config import Config
from logpost.doctor.checks.ports import PortFacts
from logpost.doctor.gathering.machine import Machine
from logpost.processes import opened, process

LISTEN = "0A"
CAP_NET_BIND_SERVICE = 1 << 10


@dataclass(frozen=True, slots=True)
class Listener:
    """`inode`: of its socket."""

    address: str
    port: int
    inode: int


def ports(
    machine: Machine, config: Config, parts: Mapping[str, int | None], expected: Iterable[str], hidden: Container[str]
) -> list[PortFacts]:
    """`expected`: parts that this host is to run. `hidden`: those of which this user may not know whether they run."""
    places = {
        "broker.port": ("broker", config.broker.listen, config.broker.port),
        "broker.metrics_port": ("broker", config.broker.listen, config.broker.metrics_port),
        "web.port": ("web", config.web.listen, config.web.port),
        "agent.metrics_port": ("agent", "localhost", config.agent.metrics_port),
    }
    listeners = list(listening(machine.proc))
    matching = {
        setting: {one.inode for one in listeners if one.port == port and _overlap(one.address, listen)}
        for setting, (_, listen, port) in places.items()
    }
    owners = _owners(machine, frozenset[int]().union(*matching.values()))
    return [
        PortFacts(
            setting=setting,
            port=port,
            part=part,
            part_pids=_pids(parts.get(part)),
            is_listening=bool(matching[setting]),
            holders={pid: name for inode in matching[setting] for pid, name in owners.get(inode, {}).items()},
            lowest=_lowest(machine),
            is_hidden=part in hidden,
        )
        for setting, (part, _, port) in places.items()
        if part in expected or parts.get(part) is not None
    ]


def _pids(pid: int | None) -> frozenset[int]:
    return frozenset() if pid is None else frozenset({pid})


def listening(proc: Path) -> Iterator[Listener]:
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN:
                    address, port = fields[1].split(":")
                    yield Listener(_address(address), int(port, 16), int(fields[9]))


def _address(written: str) -> str:
    """`0100007F` → `127.0.0.1`: words of four bytes, each in the processor's order."""
    raw = bytes.fromhex(written)
    words = (raw[place : place + 4] for place in range(0, len(raw), 4))
    found = ipaddress.ip_address(b"".join(word[::-1] for word in words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _overlap(address: str, listen: str) -> bool:
    """Whether what listens on `address` is in the way of `listen`."""
    wanted = LOOPBACK if listen == "localhost" else (listen,)
    return any(
        address == one or ((address in WILDCARDS or one in WILDCARDS) and (":" in address) == (":" in one))
        for one in wanted
    )


def _owners(machine: Machine, inodes: frozenset[int]) -> dict[int, dict[int, str]]:
    """Inode of a socket → the processes that have it open, by pid with their names."""
    found: dict[int, dict[int, str]] = {}
    for pid, leads_to in opened(machine.proc) if inodes else ():
        if leads_to.startswith("socket:[") and (inode := int(leads_to[8:-1])) in inodes:
            owner = process(pid, machine.proc)
            found.setdefault(inode, {})[pid] = owner.name if owner is not None else "?"
    return found


def _lowest(machine: Machine) -> int:
    """The first port that this user may take; 0: any."""
    own = process(os.getpid(), machine.proc)
    if own is None or own.capabilities & CAP_NET_BIND_SERVICE:
        return 0
    with contextlib.suppress(OSError, ValueError):
        return int((machine.proc / "sys/net/ipv4/ip_unprivileged_port_start").read_text())
    return 1024

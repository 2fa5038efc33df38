"""`ports`: whether each part has the port that it is told to listen on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "ports"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """`part_pids`: the part's processes, empty where it does not run. `is_listening`: somebody does, on an address that
    the part needs. `holders`: who, as far as this user may know, by pid. `lowest`: ports below it are for root alone; 0
    where this does not bind us. `is_hidden`: whether the part runs is not for this user to know."""

    setting: str
    port: int
    part: str
    part_pids: frozenset[int]
    is_listening: bool
    holders: dict[int, str]
    lowest: int = 0
    is_hidden: bool = False


def judge(ports: Sequence[PortFacts]) -> Iterator[Result]:
    found = [result for port in ports if port.port for result in _judge(port)]
    yield from (result for result in found if result.state != "ok")
    if good := [result.detail for result in found if result.state == "ok"]:
        yield ok(CHECK, "; ".join(good))


def _judge(facts: PortFacts) -> Iterator[Result]:
    place = f"{facts.setting} = {facts.port}"
    others = {pid: name for pid, name in facts.holders.items() if pid not in facts.part_pids}
    if facts.is_listening and facts.is_hidden and not others:
        yield ok(CHECK, f"somebody listens on {facts.port}: only root sees whether that is {facts.part}")
    elif facts.is_listening and (others or not facts.part_pids):
        by = ", ".join(f"{name} (pid {pid})" for pid, name in others.items()) or "another user's program"
        yield fail(CHECK, f"{place} is taken by {by}", f"stop that program, or set {facts.setting} to a free port")
    elif facts.is_listening:
        yield ok(CHECK, f"{facts.part} listens on {facts.port}")
    elif facts.part_pids:
        yield warn(
            CHECK,
            f"{facts.part} runs and does not listen on {place}",
            f"it was started with another configuration or is not ready: restart it, or set {facts.setting} likewise "
            "here",
        )
    elif facts.port < facts.lowest:
        yield fail(
            CHECK,
            f"{place} is for root alone (below {facts.lowest})",
            f"set {facts.setting} to {facts.lowest} or above, or give the unit "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        )
    else:
        yield ok(CHECK, f"{facts.port} is free for {facts.part}")

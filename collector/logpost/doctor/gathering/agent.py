"""What the agent of this host says of itself, and what it has saved."""

from __future__ import annotations

from pathlib import Path

from logpost import scrape
from logpost.agent.delivery.positions import Host, PositionsFile
from logpost.agent.machine import machine_id
from logpost.config import Config
from logpost.doctor.checks.agent import AgentFacts
from logpost.doctor.gathering.machine import Machine
from logpost.errors import StartError

ANSWER_SECONDS = 5.0
PREFIX = "logpost_agent_"
SOURCES = ("file", "journal")


def agent(machine: Machine, config: Config, data: Path, *, is_running: bool, is_hidden: bool) -> AgentFacts:
    """`is_hidden`: this user may not know whether it runs."""
    metrics, error = None, ""
    if (is_running or is_hidden) and config.agent.metrics_port:
        try:
            found = scrape.samples(f"http://localhost:{config.agent.metrics_port}/metrics", ANSWER_SECONDS)
            metrics = {
                name.removeprefix(PREFIX): scrape.total(found, name) for name in found if name.startswith(PREFIX)
            }
        except scrape.UnansweredError as problem:
            error = f"port {config.agent.metrics_port}: {problem}"
    host = Host(
        machine=machine_id((machine.root / "etc/machine-id",)), name=config.agent.hostname or machine.host_name()
    )
    unusable, originals = "", frozenset[str]()
    try:
        saved = PositionsFile(data / "agent" / "positions.json", host)
        originals = frozenset(saved.place(source).original for source in SOURCES) - {""}
    except StartError as problem:
        unusable = "" if isinstance(problem.__cause__, PermissionError) else str(problem)  # `rights` says so
    return AgentFacts(
        is_running=is_running,
        metrics=metrics or None,
        error=error,
        positions=unusable,
        # One that runs has begun new streams: what is left is of sources that are not configured.
        originals=() if is_running else tuple(sorted(originals)),
    )

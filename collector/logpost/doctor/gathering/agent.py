"""What the agent of this host says of itself, and what it has saved."""

from __future__ import annotations

from pathlib import Path

from logpost import scrape
from logpost.agent.delivery.positions import PositionsFile
from logpost.agent.machine import machine_id
from logpost.config import Config
from logpost.doctor.checks.agent import AgentFacts
from logpost.doctor.gathering.machine import Machine
from logpost.errors import StartError

ANSWER_SECONDS = 5.0
PREFIX = "logpost_agent_"
SOURCES = ("file", "journal")


def agent(machine: Machine, config: Config, data: Path, *, is_running: bool) -> AgentFacts:
    metrics, error = None, ""
    if is_running and config.agent.metrics_port:
        try:
            found = scrape.samples(f"http://localhost:{config.agent.metrics_port}/metrics", ANSWER_SECONDS)
            metrics = {
                name.removeprefix(PREFIX): scrape.total(found, name) for name in found if name.startswith(PREFIX)
            }
        except scrape.UnansweredError as problem:
            error = f"port {config.agent.metrics_port}: {problem}"
    return AgentFacts(
        is_running=is_running, metrics=metrics or None, error=error, positions=_positions(machine, data / "agent")
    )


def _positions(machine: Machine, directory: Path) -> str:
    """What is wrong with them."""
    etc = machine.root / "etc"
    try:
        saved = PositionsFile(directory / "positions.json", machine_id((etc / "machine-id",)))
    except StartError as error:
        return "" if isinstance(error.__cause__, PermissionError) else str(error)  # `rights` says so
    if any(saved.place(source).is_of_another_machine for source in SOURCES):
        return (
            f"the agent's positions {saved.path} are of another machine: this one was copied from it, and its next "
            "start "
            "begins new streams"
        )
    return ""

"""`agent`: whether what this host's agent reads arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "agent"
WAITING_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """`metrics`: of `logpost_agent_*`, by the rest of the name; None where it serves none. `error`: why not.
    `positions`: why its positions cannot be used. `originals`: the other hosts that wrote them."""

    is_running: bool
    metrics: Mapping[str, float] | None
    error: str = ""
    positions: str = ""
    originals: tuple[str, ...] = ()


def judge(facts: AgentFacts) -> Iterator[Result]:
    found = []
    if facts.positions:
        found.append(
            fail(
                CHECK,
                facts.positions,
                "use the release that wrote them, or restore them from a backup; see docs/agent.md",
            )
        )
    if facts.originals:
        found.append(
            warn(
                CHECK,
                f"its positions are of {' and '.join(facts.originals)}: its next start begins new streams there",
                "nothing, if this host was renamed or moved; do not bake positions into an image for several hosts",
            )
        )
    if facts.metrics is not None:
        found += _judge(facts.metrics)
    elif facts.is_running and facts.error:
        found.append(
            warn(CHECK, f"the agent runs and says nothing of itself: {facts.error}", "see its log; restart it")
        )
    yield from found
    if not found:
        yield ok(CHECK, _summary(facts))


def _summary(facts: AgentFacts) -> str:
    if facts.metrics is None and facts.is_running:
        return "runs; whether its lines are acknowledged is said by its metrics, which are off (agent.metrics_port = 0)"
    if facts.metrics is None:
        return "it is not for this user to know" if facts.error else "does not run here"
    acknowledged, backlog = (facts.metrics.get(name, 0) for name in ("acknowledged_total", "backlog_bytes"))
    return f"{acknowledged:,.0f} records acknowledged, {backlog:,.0f} bytes to go"


def _judge(metrics: Mapping[str, float]) -> Iterator[Result]:
    waiting, backlog = metrics.get("waiting_seconds", 0.0), metrics.get("backlog_bytes", 0.0)
    if waiting > WAITING_SECONDS:
        yield fail(
            CHECK,
            f"nothing was acknowledged for {waiting:,.0f} s, and {backlog:,.0f} bytes wait",
            "see what the checks `broker` and `topic` say; nothing is lost while the files are there",
        )
    for name, what, remedy in (
        ("dropped_total", "lines were dropped by max_lines_per_second", "raise it, or let that program say less"),
        ("files_gone_total", "logs were gone before all of them was read", "keep rotated logs for longer"),
        (
            "journal_lost_total",
            "entries of the journal were deleted before they were read",
            "SystemMaxUse= of journald.conf",
        ),
    ):
        if metrics.get(name, 0):
            yield warn(CHECK, f"{metrics[name]:,.0f} {what}", remedy)

"""What the web says of the store, and of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from logpost import scrape
from logpost.addresses import local_url
from logpost.config import Config
from logpost.doctor.checks.store import StoreFacts

ANSWER_SECONDS = 5.0


def store(config: Config, *, has_web: bool) -> StoreFacts:
    address = local_url(config.web.listen, config.web.port)
    try:
        ready = scrape.answer(f"{address}/readyz", ANSWER_SECONDS)
        complete = scrape.answer(f"{address}/api/search?limit=1", ANSWER_SECONDS).get("complete", {})
        metrics = _samples(f"{address}/metrics")
        return _facts(address, has_web, [str(one) for one in ready["reasons"]], complete, metrics)
    except scrape.UnansweredError as error:
        return StoreFacts(address=address, has_web=has_web, error=str(error))
    except (KeyError, TypeError, AttributeError):
        return StoreFacts(address=address, has_web=has_web, error="what answers there is not logpost")


def _samples(address: str) -> scrape.Samples:
    """Empty without an answer in time: the web asks a broker that is away for as long."""
    try:
        return scrape.samples(address, ANSWER_SECONDS)
    except scrape.UnansweredError:
        return {}


def _facts(
    address: str, has_web: bool, reasons: list[str], complete: dict[str, Any], metrics: scrape.Samples
) -> StoreFacts:
    stepped_over = complete.get("stepped_over", ())
    return StoreFacts(
        address=address,
        has_web=has_web,
        reasons=tuple(reasons),
        behind=sum(one.get("records", 0) for one in complete.get("behind", ())),
        stepped_over=sum(one["to"] - one["from"] for one in stepped_over),
        stepped_over_reason=str(stepped_over[0]["reason"]) if stepped_over else "",
        lost=sum(one["count"] for one in complete.get("dropped", ()) if one.get("source") == "store"),
        overdue_seconds=scrape.total(metrics, "logpost_retention_overdue_seconds"),
        ahead_seconds=scrape.total(metrics, "logpost_retention_clock_ahead_seconds"),
    )


def ahead(config: Config, now: Callable[[], float]) -> float | None:
    """Seconds that the clock `now` is ahead of that of the web's host, to a second; None where it does not say."""
    try:
        theirs = scrape.clock(f"{local_url(config.web.listen, config.web.port)}/healthz", ANSWER_SECONDS)
    except scrape.UnansweredError:
        return None
    return None if theirs is None else now() - theirs

"""What retention says at each look: its state for the API, its metrics, and a warning of what waits."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import NamedTuple

from logpost.said_once import SaidOnce
from logpost_web.indexer import metrics
from logpost_web.indexer.retention_memory import SavedLimits
from logpost_web.indexer.retention_state import RetentionState, Waiting, class_sizes
from logpost_web.retention.plan import CLOCK, Limits, Plan, Stored, Used, days_left, oldest_ms, plan
from logpost_web.retention.units import DAY_MS


class Seen(NamedTuple):
    """What a look has found."""

    units: list[Stored]
    used: Used
    limits: Limits
    disk_bytes: int


class Telling:
    def __init__(self, log: logging.Logger) -> None:
        self._said = SaidOnce(log)

    def tell(
        self,
        before: RetentionState,
        seen: Seen,
        planned: Plan,
        due: int,
        now_ms: int,
        *,
        ahead_ms: int,
        wanted: SavedLimits | None,
    ) -> RetentionState:
        """The state after a look at `now_ms`, Unix milliseconds. `due`: drops that are to be made now. `ahead_ms`: by
        how much the box's clock is ahead of what is believed. `wanted`: the settings, whether or not they hold yet."""
        left = days_left(seen.units, seen.limits.max_bytes, seen.used, now_ms)
        state = dataclasses.replace(
            before,
            looked_ms=now_ms,
            used=seen.used,
            max_bytes=seen.limits.max_bytes,
            disk_bytes=seen.disk_bytes,
            classes=class_sizes(seen.units, seen.limits.rules),
            ahead_ms=ahead_ms,
            oldest_ms=oldest_ms(seen.units),
            days_left=left,
            waiting=self._waiting(seen, planned, now_ms, ahead_ms, wanted),
            due=due,
            due_since_ms=(before.due_since_ms or now_ms) if due else 0,
        )
        metrics.RETENTION_LOOKED.set(now_ms / 1000)
        metrics.STORE_BYTES.set(seen.used.store)
        metrics.STORE_MAX_BYTES.set(seen.limits.max_bytes)
        metrics.RETENTION_AHEAD.set(ahead_ms / 1000)
        metrics.RETENTION_DUE.set(due)
        metrics.RETENTION_OVERDUE.set((now_ms - state.due_since_ms) / 1000 if due else 0)
        metrics.SECONDS_LEFT.set(float("inf") if left is None else left * DAY_MS / 1000)
        return state

    def _waiting(
        self, seen: Seen, planned: Plan, now_ms: int, ahead_ms: int, wanted: SavedLimits | None
    ) -> Waiting | None:
        found, why, until_ms = planned.waiting, planned.why, planned.until_ms
        if not found and ahead_ms:
            there = plan(seen.units, seen.limits, seen.limits, 0, now_ms + ahead_ms, seen.used).drops
            found, why, until_ms = tuple(one for one in there if one not in planned.drops), CLOCK, 0
        if not found:
            self._said.all_over()
            return None
        waiting = Waiting(
            why=why,
            rows=sum(one.stored.rows for one in found),
            bytes=sum(one.stored.bytes for one in found),
            oldest_ms=min(one.stored.unit.start_ms for one in found),
            until_ms=until_ms,
        )
        self._said.warn(
            (why, str(wanted)),
            "up to %d rows (%d bytes, the oldest of %s) would be deleted, and are not %s: %s",
            waiting.rows,
            waiting.bytes,
            written(waiting.oldest_ms),
            f"before {written(until_ms)}" if until_ms else "as long as that is so",
            f"{why} (`logpost store confirm` says that this is meant)",
        )
        return waiting


def written(ms: int) -> str:
    """Unix milliseconds → `2026-12-01 05:00 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ms // 1000))

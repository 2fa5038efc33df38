"""Serves the agent's metrics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from logpost import metrics_server
from logpost.agent.metrics.counts import Counts

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def serve(counts: Counts, port: int) -> Callable[[], None]:
    """Serve `/metrics` on the loopback addresses; returns what stops it. Raises StartError when the port is taken."""
    return metrics_server.serve(partial(_registry, counts), "localhost", port, setting="agent.metrics_port")


def _registry(counts: Counts) -> CollectorRegistry:
    from logpost.agent.metrics.exposition import registry_of  # 3 MB, on hosts where somebody asks

    return registry_of(counts)

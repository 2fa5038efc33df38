"""The agent's metrics `logpost_agent_*`."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from logpost.agent.metrics.counts import Counts

_COUNTERS = {
    "lines": "Lines read.",
    "bytes": "Bytes read.",
    "acknowledged": "Records that the broker acknowledged.",
    "dropped": "Lines dropped by max_lines_per_second.",
    "invalid_utf8": "Lines with bytes that are not UTF-8.",
    "split": "Pieces of lines longer than max_line_bytes.",
    "shrunk": "Records cut because the broker refused their size.",
    "rotated_dropped": "Rotated files that are not looked at any more because there were too many.",
    "files_gone": "Logs that were not found at the start, nor what rotation made of them.",
    "journal_gaps": "Places where the journal had deleted entries before they were read.",
    "journal_lost": "Entries that it deleted there, where their number is known.",
}
_GAUGES = {
    "in_flight": "Records sent and not yet acknowledged.",
    "files": "Files that are read.",
    "files_open": "Files held open.",
    "files_rotated": "Rotated files that the agent looks at without holding them open.",
    "backlog_bytes": "Bytes in files that are not yet acknowledged.",
    "clock_offset_seconds": "How far this host's clock is ahead of the broker's, the way of a record included.",
}


class _Collector(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"logpost_agent_{name}", text, value=getattr(self._counts, name))
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"logpost_agent_{name}", text, value=getattr(self._counts, name))
        since = self._counts.waiting_since
        yield GaugeMetricFamily(
            "logpost_agent_waiting_seconds",
            "Since the last acknowledgement, while something waits for one.",
            value=time.monotonic() - since if since else 0.0,
        )


def registry_of(counts: Counts) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Collector(counts))
    return registry

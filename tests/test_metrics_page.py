"""docs/metrics.md has every metric that a part shows, with its labels, and none that there is not."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

from logpost.agent.metrics.counts import Counts
from logpost.agent.metrics.exposition import registry_of
from logpost.config import KafkaConfig
from logpost_broker.metrics import BrokerMetrics
from logpost_web.cluster.snapshot import GroupState, PartitionState, Snapshot
from logpost_web.exporter.exporter import KafkaCollector
from tests.test_layers import imported, modules

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| (`logpost_.+?`|`kafka_.+?`) \| (.+) \|$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
DOCUMENTED = {name: says for names, says in ROWS for name in re.findall(r"`(\w+)`", names)}
SUFFIXES = {"counter": "_total"}


def shown() -> Iterator[Metric]:
    """Of agent, broker and web, by what defines them: all that a module's name has, and what is made of a cluster."""
    for name in modules():
        if name.startswith("logpost_web") and "prometheus_client" in imported(name):
            importlib.import_module(name)
    yield from (metric for metric in REGISTRY.collect() if metric.name.startswith("logpost_"))
    yield from BrokerMetrics()._registry.collect()
    yield from registry_of(Counts()).collect()
    collector = KafkaCollector(KafkaConfig())
    state = PartitionState(oldest_offset=0, current_offset=1, leader=1, replicas=(1,), in_sync_replicas=(1,))
    key = ("t", 0)
    groups = {"g": GroupState(members=1, committed={key: 1})}
    collector._snapshot = Snapshot(brokers={1: "b:9092"}, partitions={key: state}, groups=groups, failures=0)
    collector._taken = time.monotonic()
    yield from collector.collect()


def names_of(metrics: Iterable[Metric]) -> set[str]:
    return {metric.name + SUFFIXES.get(metric.type, "") for metric in metrics}


def test_every_metric_is_documented_and_no_other() -> None:
    assert names_of(shown()) == DOCUMENTED.keys()
    assert len(DOCUMENTED) > 90


def test_every_label_of_a_metric_is_documented() -> None:
    assert [label for name, label in labels() if f"`{label}`" not in DOCUMENTED[name]] == []


def labels() -> Iterator[tuple[str, str]]:
    for collector in {*REGISTRY._collector_to_names, *BrokerMetrics()._registry._collector_to_names}:
        name = getattr(collector, "_name", "")
        if name.startswith("logpost_"):
            documented = next(each for each in (name, f"{name}_total") if each in DOCUMENTED)
            yield from ((documented, label) for label in collector._labelnames)  # type: ignore[attr-defined]  # hidden


def test_pages_name_no_metric_that_is_not() -> None:
    known = DOCUMENTED.keys() | {f"{name}_{end}" for name in DOCUMENTED for end in ("bucket", "sum", "count")}
    parts = "agent|broker|web|indexer|retention|store|deletions|exporter"
    pattern = rf"\b(?:logpost_(?:{parts})|kafka_[a-z]+)_[a-z_]+[a-z]\b(?![_*/.])"
    unknown = {
        (page.name, name)
        for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
        for name in re.findall(pattern, page.read_text())
        if name not in known
    }
    assert unknown == set()

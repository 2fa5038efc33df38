"""A real Prometheus scrapes /metrics and answers the queries of kafka_exporter's dashboard."""

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.appliance import Appliance, await_condition
from tests.support.processes import free_port

LINES = 500

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: apt install prometheus)"
)


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "shop.log").write_text("".join(f"order {number}\n" for number in range(LINES)))
    sources = f'[[agent.source]]\ntype = "file"\npaths = ["{directory}/shop.log"]\n'
    with Appliance(directory, sources=sources) as appliance:
        appliance.await_total(LINES)
        yield appliance


@pytest.fixture(scope="module")
def prometheus(appliance: Appliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that scrapes the appliance every second."""
    directory = tmp_path_factory.mktemp("server")
    config = directory / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "- job_name: logpost\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{appliance.web_port}']}}]\n"
    )
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def answer(prometheus: str, expression: str) -> list[dict[str, Any]]:
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            result: list[dict[str, Any]] = json.load(response)["data"]["result"]
    except urllib.error.URLError:
        return []  # still starting
    return result


def await_value(prometheus: str, expression: str, value: float) -> None:
    def is_there() -> bool:
        return [float(series["value"][1]) for series in answer(prometheus, expression)] == [value]

    await_condition(is_there, f"{expression} = {value}", 60)


def test_offsets_and_lag_are_scraped_under_kafka_exporters_names(prometheus: str) -> None:
    await_value(prometheus, 'sum(kafka_topic_partition_current_offset{topic="logs"})', LINES)
    await_value(prometheus, 'kafka_consumergroup_lag_sum{consumergroup="logpost-indexer",topic="logs"}', 0)
    await_value(prometheus, 'kafka_consumergroup_members{consumergroup="logpost-indexer"}', 1)
    await_value(prometheus, 'kafka_topic_partitions{topic="logs"}', 8)


def test_prometheus_finds_nothing_wrong_with_the_metrics(appliance: Appliance) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{appliance.web_port}/metrics", timeout=60) as response:
        metrics = response.read()
    checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False)
    complaints = [
        line
        for line in checked.stderr.decode().splitlines()
        # kafka_exporter's own names, which dashboards rely on, break promtool's rules of naming.
        if not line.startswith(("kafka_", "python_", "process_"))
    ]
    assert complaints == []

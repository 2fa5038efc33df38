"""The same agent and web with Apache Kafka in the broker's place, by configuration alone: kill -9 of every part, and
each line is found exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_kill import kill_every_part, sources
from tests.support.apache_kafka import ApacheKafka
from tests.support.appliance import Appliance


def test_every_line_is_found_exactly_once(libs: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tailed = tmp_path / "tailed"
    tailed.mkdir()
    kafka = ApacheKafka(tmp_path / "kafka", libs)
    with Appliance(tmp_path, sources=sources(tailed), kafka=kafka) as appliance:
        kill_every_part(appliance, tailed, int(request.config.getoption("--lines")))

"""Apache Kafka's jars for the tests that need them; skipped where they cannot be had, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.apache_kafka import ApacheKafka, KafkaUnavailableError, kafka_libs

TEST_SECONDS = 1200
"""A bound for hangs: each call of one of Kafka's tools starts a Java of its own, which a busy machine makes wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def libs() -> Path:
    try:
        return kafka_libs()
    except KafkaUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def kafka(libs: Path, tmp_path: Path) -> Callable[[], ApacheKafka]:
    """Starts the test's own Apache Kafka, and starts it again on the same directory: `with kafka() as running: …`."""
    settings = {"log.cleaner.backoff.ms": "100"}  # it looks for work that often
    return lambda: ApacheKafka(tmp_path / "kafka", libs, settings).start()

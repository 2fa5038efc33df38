"""A real store, opened once for this folder (chDB opens one path at a time), empty for each test."""

from collections.abc import Iterator

import pytest

from logpost_web.store.store import Store
from tests.support.stores import ClickHouse, opened_store


@pytest.fixture(scope="package")
def _opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with ClickHouse(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def store(_opened: Store) -> Store:
    _opened.query("TRUNCATE TABLE otel_logs")
    _opened.query("TRUNCATE TABLE otel_logs_manifest")
    _opened.query("TRUNCATE TABLE otel_logs_deleted")
    (_opened.directory / "deletions.json").unlink(missing_ok=True)
    _opened.query("TRUNCATE TABLE otel_logs_stepped_over")
    return _opened

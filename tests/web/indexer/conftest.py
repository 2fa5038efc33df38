"""A real store, opened once for this folder (chDB opens one path at a time), empty for each test."""

from collections.abc import Iterator

import pytest

from logpost.config import StoreConfig
from logpost_web.store.store import Store


@pytest.fixture(scope="package")
def _opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(StoreConfig(), tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture
def store(_opened: Store) -> Store:
    _opened.query("TRUNCATE TABLE otel_logs")
    _opened.query("TRUNCATE TABLE otel_logs_manifest")
    return _opened

"""A real store, opened once for this folder, empty for each test."""

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
    for table in ("otel_logs", "otel_logs_deleted", "otel_logs_matched"):
        _opened.command(f"TRUNCATE TABLE {table}")
    (_opened.directory / "deletions.json").unlink(missing_ok=True)
    return _opened

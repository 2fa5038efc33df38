"""What a statement has read is counted, not what came out of it."""

from pathlib import Path

from logpost.config import StoreConfig
from logpost_web.store.store import Store


def test_rows_and_bytes_are_those_that_were_read(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path / "store")
    try:
        found = store.query("SELECT count() FROM numbers(1000) WHERE number % 3 = 0")
    finally:
        store.close()
    assert (found.rows_read, found.bytes_read) == (1000, 8000)

"""What the store takes of its disk; retention with it is tested in `test_retaining.py`."""

import pytest

from logpost_web.indexer.measuring import Measuring
from logpost_web.store.store import Store

GB = 10**9


@pytest.mark.embedded_store
def test_a_file_is_counted_at_the_next_look_at_all_files_and_a_row_at_once(store: Store) -> None:
    measuring = Measuring(store)
    before = measuring.look(0, 1000, 0, 10**15)
    assert before.max_bytes == 10**15
    assert 0 < before.disk.free < before.disk.size
    (store.directory / "file").write_bytes(bytes(1_000_000))
    try:
        assert measuring.look(0, 1500, 0, 10**15).store_bytes == before.store_bytes + 500
        assert measuring.look(3600, 1000, 0, 10**15).store_bytes >= before.store_bytes + 900_000
        (store.directory / "file").unlink()
        measuring.soon()
        assert measuring.look(3600, 1000, 0, 10**15).store_bytes < before.store_bytes + 900_000
    finally:
        (store.directory / "file").unlink(missing_ok=True)


def test_of_a_server_its_tables_and_disks_tell(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.insert(b'{"Body":"x","ArrivedAt":1}')
    monkeypatch.setattr(Store, "is_embedded", property(lambda _: False))
    found = Measuring(store).look(0, 0, 0, "50%")
    assert 0 < found.store_bytes < GB
    assert found.max_bytes == found.disk.size // 2

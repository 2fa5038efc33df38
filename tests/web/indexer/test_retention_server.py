"""Retention of a store on a ClickHouse server: the same statements, and webs that share it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost_web.indexer.topic_room import TopicRoom
from logpost_web.retention.plan import WAIT_MS
from logpost_web.retention.units import DAY_MS
from logpost_web.store import manifest_table, retained
from logpost_web.store.store import Store
from tests.support.stores import ClickHouse
from tests.web.indexer.test_retaining import NOW_MS, Box


@pytest.fixture
def on_server(server: ClickHouse, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(server.config, tmp_path / "store")
    yield store
    store.close()


def test_a_store_on_a_server_is_trimmed_by_the_same_statements(on_server: Store) -> None:
    box = Box(on_server, StoreConfig(keep="14d", max_bytes="100%"))
    box.look()
    for days in (13, 3, 2, 0):
        box.index(f"info {days} days", NOW_MS - days * DAY_MS, 200)
    box.look(2 * DAY_MS)
    assert box.texts() == ["info 0 days", "info 2 days", "info 3 days"]
    state = box.retaining.state
    assert 0 < state.used.store < state.disk_bytes
    box.retaining.reconfigure(StoreConfig(keep="14d", max_bytes=1))
    box.look()
    box.look(WAIT_MS)
    assert box.texts() == ["info 0 days"]
    box.assert_accounted()


class Existing(TopicRoom):
    """The broker has these topics."""

    def __init__(self, *topics: str) -> None:
        self.bytes, self.error, self._topics = 0, "", set(topics)

    def existing(self, topics: Collection[str]) -> set[str]:
        return set(topics) & self._topics


def test_of_a_store_that_webs_share_each_drops_what_it_reads_and_the_last_the_unit(on_server: Store) -> None:
    """The account of the others is theirs. What no topic has any more is anybody's."""
    box = Box(on_server, StoreConfig(keep="14d"))
    box.retaining.topics = Existing("logs")
    box.look()
    box.index("info mine", NOW_MS)
    others = "INSERT INTO otel_logs SELECT * REPLACE (1 AS Partition, 'info others' AS Body) FROM otel_logs"
    on_server.command(others)
    box.look(20 * DAY_MS)
    assert box.texts() == ["info others"]
    assert manifest_table.read(on_server)[0].rows == 0
    assert retained.units(on_server) != []
    box.retaining.topics = Existing()
    box.look()
    assert retained.units(on_server) == []

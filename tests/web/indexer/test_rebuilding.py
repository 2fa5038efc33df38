"""The end of a rebuild: what the topics did not give is copied and accounted for, however often it is killed."""

import json

from logpost_web.indexer.rebuilding import copy_rest
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.manifest_table import Chunk
from logpost_web.store.store import Store

ID = "topic-id"


def insert(store: Store, text: str, *offsets: int) -> None:
    rows = ({"Body": f"{text} {one}", "Topic": "logs", "TopicId": ID, "Offset": one} for one in offsets)
    store.insert("\n".join(map(json.dumps, rows)).encode())


def line(store: Store) -> Chunk:
    [found] = manifest_table.read(store)
    return found


def test_as_many_rows_as_before_but_others(store: Store) -> None:
    insert(store, "old", 0, 1, 2, 3)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 4, 4)])
    store.begin_rebuild()
    assert (line(store).rows, line(store).lacks) == (0, 4)
    insert(store, "new", 2, 3, 4, 5)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 2, 6, 4, 4, version=9)])
    assert copy_rest(store) == 2
    found = [text for (text,) in store.query("SELECT Body FROM otel_logs ORDER BY Offset").rows]
    assert found == ["old 0", "old 1", "new 2", "new 3", "new 4", "new 5"]
    counted = line(store)
    assert (counted.start, counted.end, counted.rows, counted.lacks, counted.lost) == (0, 6, 6, 0, 0)
    assert not rebuild.is_running(store)


def test_what_neither_the_topic_nor_the_old_rows_had_is_lost(store: Store) -> None:
    insert(store, "old", 0, 1)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 5, 5)])  # three of them vanished
    store.begin_rebuild()
    insert(store, "new", 4)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 4, 5, 1, 5, version=9)])
    assert copy_rest(store) == 2
    counted = line(store)
    assert (counted.rows, counted.lacks, counted.lost) == (3, 0, 2)


def test_a_rebuild_that_begins_twice_forgets_nothing(store: Store) -> None:
    """It may be killed when it has voided the manifest."""
    manifest_table.write(
        store,
        [Chunk("logs", ID, 0, 0, 0, 5, 3, lost=2, last_offset=4, last_mark=7), Chunk("logs", f"{ID}@2@3", 0, 0, 3, 3)],
    )
    for _ in range(2):
        store.begin_rebuild()
        rebuild.end(store)
    lines = sorted(manifest_table.read(store), key=lambda one: one.topic_id)
    assert [(one.topic_id, one.start, one.end, one.rows, one.lacks, one.lost) for one in lines] == [
        (ID, 0, 0, 0, 5, 2),
        (f"{ID}@2@3", 3, 3, 0, 0, 0),
    ]

"""The end of a rebuild: what the topics did not give is copied and accounted for, however often it is killed."""

import json

from logpost_web.indexer.rebuilding import Freeing, copy_rest
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.check import check
from logpost_web.store.manifest_table import Chunk
from logpost_web.store.rebuild import Past
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


def insert_arrived(store: Store, at: int, of_class: int, *offsets: int) -> None:
    common = {"Body": "old", "Topic": "logs", "TopicId": ID, "ArrivedAt": at, "RetentionClass": of_class}
    store.insert("\n".join(json.dumps({**common, "Offset": one}) for one in offsets).encode())


def test_what_retention_drops_meanwhile_is_not_put_back_and_not_lost(store: Store) -> None:
    insert_arrived(store, 1000, 0, 0, 1)  # past the time of its class
    insert_arrived(store, 1000, 7, 2, 3)  # whose rows are kept for longer
    insert_arrived(store, 1000, 8, 4)  # a class that no rule has any more
    insert_arrived(store, 2000, 0, 5, 6)  # 5 had to go for room
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 7, 7)])
    store.begin_rebuild()
    past = Past({0: 1500, 7: 900}, 900, {(0, "logs", ID, 0): 5, (0, "other", ID, 0): 6})
    assert copy_rest(store, past) == 4
    assert [one for (one,) in store.query("SELECT Offset FROM otel_logs ORDER BY Offset").rows] == [2, 3, 4, 6]
    counted = line(store)
    assert (counted.rows, counted.lacks, counted.lost) == (4, 0, 0)
    assert check(store).is_sound


def test_rows_without_arrival_arrived_when_they_were_indexed() -> None:
    past = Past({0: 1500, 7: 900}, 900, {})
    condition = past.condition(["IndexedAt"], ("logs", ID, 0))
    assert condition == "(toUnixTimestamp(IndexedAt) <= multiIf(0 = 0, 1500, 0 = 7, 900, 900) OR Offset <= -1)"


def test_a_check_goes_on_when_a_rebuild_ends_while_it_reads(store: Store) -> None:
    insert(store, "old", 0, 1)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 2, 2)])
    store.begin_rebuild()
    insert(store, "new", 0, 1)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 2, 2, version=9)])
    found = check(store, lambda done, of: rebuild.end(store) if done == 1 else None)
    assert found.is_sound


def test_the_room_of_units_that_are_filled_again_is_freed_and_nothing_is_lost(store: Store) -> None:
    for day in range(3):
        insert_arrived(store, 86_400 * (day + 1), 0, *range(day * 10, day * 10 + 10))
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 30, 30)])
    store.begin_rebuild()
    insert_arrived(store, 86_400 * 2, 0, *range(10, 20))  # all of a day, and some of another
    insert_arrived(store, 86_400 * 3, 0, *range(20, 29))
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 10, 29, 19, 30, version=9)])
    assert rebuild.forget_filled(store) == 1
    assert rebuild.forget_filled(store) == 0
    left = [one for (one,) in store.query("SELECT Offset FROM otel_logs_before ORDER BY Offset").rows]
    assert left == [*range(10), *range(20, 30)]
    assert copy_rest(store) == 11
    assert store.query("SELECT count(), uniqExact(Offset) FROM otel_logs").rows == [(30, 30)]
    counted = line(store)
    assert (counted.start, counted.end, counted.rows, counted.lacks, counted.lost) == (0, 30, 30, 0, 0)


def test_all_units_may_be_freed_before_the_rebuild_ends(store: Store) -> None:
    insert(store, "old", 0, 1)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 3, 3)])  # one of them vanished
    store.begin_rebuild()
    insert(store, "new", 0, 1)
    manifest_table.write(store, [Chunk("logs", ID, 0, 0, 0, 3, 2, 3, version=9)])
    now = [0.0]
    freeing = Freeing(store, lambda: now[0])
    freeing.step()
    assert store.query("SELECT count() FROM otel_logs_before").rows == [(0,)]
    assert rebuild.is_running(store)
    assert copy_rest(store) == 0
    assert (line(store).rows, line(store).lost) == (2, 1)

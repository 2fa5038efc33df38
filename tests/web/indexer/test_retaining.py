"""Retention on a real store: what is due goes, and the account knows it, however it was interrupted."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

import pytest

from logpost.config import KafkaConfig, RetentionConfig, StoreConfig
from logpost_web.indexer import measuring
from logpost_web.indexer.account import Account
from logpost_web.indexer.block_writer import write
from logpost_web.indexer.dropping import Dropping
from logpost_web.indexer.manifest import Manifest
from logpost_web.indexer.reading import Bounds, Reading
from logpost_web.indexer.received import Received
from logpost_web.indexer.retaining import Retaining
from logpost_web.indexer.retention_memory import COPY, FILE, Floor, MemoryFile, Pending
from logpost_web.indexer.row import Position, to_row
from logpost_web.retention.plan import CLOCK, SETTING, WAIT_MS
from logpost_web.retention.units import DAY_MS, HOUR_MS
from logpost_web.store import manifest_table, rebuild, retained
from logpost_web.store.errors import QueryError
from logpost_web.store.frozen import freeze, held_bytes
from logpost_web.store.manifest_table import CHUNK
from logpost_web.store.retained import Chosen
from logpost_web.store.room import RESERVE
from logpost_web.store.store import Store
from tests.support.appliance import await_condition

KEY = ("logs", 0)
NOW_MS = 20_000 * DAY_MS + 12 * HOUR_MS


class Box:
    """A store, its account and its retention, at a time of the test's own."""

    def __init__(self, store: Store, config: StoreConfig) -> None:
        self.store = store
        (store.directory / FILE).unlink(missing_ok=True)
        store.command("TRUNCATE TABLE otel_logs")
        store.command("TRUNCATE TABLE otel_logs_manifest")
        self.account = Account(store, KafkaConfig())
        bounds = Bounds(topic_id="T", committed=0, start=0, end=10**9)
        self.account.readings[KEY] = Reading(Manifest(*KEY, "T"), bounds)
        self.config = config
        self.retaining = Retaining(config, store, self.account)
        self.now_ms = NOW_MS
        self.passed = 0.0
        self.offset = 0

    def look(self, later_ms: int = 0, passed_ms: int | None = None) -> None:
        """`later_ms`: by the clock; `passed_ms`: really."""
        self.now_ms += later_ms
        self.passed += 60 + (max(later_ms, 0) if passed_ms is None else passed_ms) / 1000
        self.retaining.look(self.passed, self.now_ms)
        assert self.retaining.state.error == ""

    def index(self, text: str, arrived_ms: int, count: int = 10) -> None:
        """Lines as the indexer takes them."""
        rows = []
        for _ in range(count):
            value = json.dumps({"ts": "2026-11-22T10:51:07Z", "message": text, "level": text.split()[0]}).encode()
            row = to_row(value, Position(*KEY, "T", self.offset, arrived_ms * 1_000_000), 0)
            self.retaining.placing.place(row, KEY, arrived_ms * 1_000_000, len(value))
            rows.append(row)
            self.account.look_at(Received(KEY, self.offset, arrived_ms * 1_000_000, value))
            self.offset += 1
        self.account.readings[KEY].position = self.offset
        write(self.store, rows)
        self.account.keep(rows)
        self.account.close_block()
        self.account.save()

    def texts(self) -> list[str]:
        return [text for (text,) in self.store.query("SELECT DISTINCT Body FROM otel_logs ORDER BY Body").rows]

    def assert_accounted(self) -> None:
        """The manifest, also that in the store, says what the store has."""
        found = {key: rows for key, (rows, _) in manifest_table.count_rows(self.store, CHUNK).items()}
        assert {line.key: line.rows for line in manifest_table.read(self.store) if line.rows} == found
        chunks = self.account.readings[KEY].manifest.chunks()
        assert {chunk.key: chunk.rows for chunk in chunks if chunk.rows} == found


def test_what_is_older_than_it_is_kept_goes_and_is_counted_out(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    for days in (3, 2, 0):
        box.index(f"info {days} days", NOW_MS - days * DAY_MS)
    box.look(10 * DAY_MS)
    assert box.texts() == ["info 0 days", "info 2 days", "info 3 days"]
    box.look(int(1.6 * DAY_MS))
    assert box.texts() == ["info 0 days", "info 2 days"]
    box.assert_accounted()
    state = box.retaining.state
    assert (state.dropped.rows, state.dropped.last_ms, state.due, state.waiting) == (10, box.now_ms, 0, None)
    box.look(20 * DAY_MS)
    assert box.texts() == []
    box.assert_accounted()


def test_rows_of_a_rule_lie_apart_and_go_by_its_time(store: Store) -> None:
    rules = (RetentionConfig(query="level:debug", keep="1h"),)
    box = Box(store, StoreConfig(keep="14d", retention=rules))
    box.look()
    box.index("debug words", NOW_MS)
    box.index("info words", NOW_MS)
    box.look()
    assert {one.query: one.rows for one in box.retaining.state.classes} == {"level:debug": 10, "": 10}
    box.look(2 * HOUR_MS)
    assert box.texts() == ["info words"]
    box.assert_accounted()


def test_a_new_rule_holds_for_rows_that_are_there_and_gives_their_room_back(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("debug words", NOW_MS, 500)
    box.index("info words", NOW_MS)
    box.retaining.reconfigure(StoreConfig(retention=(RetentionConfig(query="level:debug", keep="1h"),)))
    box.look(3 * HOUR_MS)
    waiting = box.retaining.state.waiting
    assert waiting is not None
    assert (waiting.why, waiting.rows) == (SETTING, 510)
    assert waiting.until_ms - box.now_ms == WAIT_MS
    assert box.texts() == ["debug words", "info words"]
    box.look(WAIT_MS)
    assert box.texts() == ["info words"]
    assert box.retaining.state.waiting is None
    box.assert_accounted()
    of_parts = "SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'"
    await_condition(lambda: store.query(of_parts).rows == [(10,)], "their room is back", 30)


def test_what_a_store_kept_for_ever_waits_when_it_is_rebuilt_for_retention(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    store.begin_rebuild()
    box.look()
    box.index("info words", NOW_MS - 400 * DAY_MS)
    assert not box.retaining.placing.has_past
    box.look(3 * WAIT_MS)
    rebuild.end(store)
    box.look(WAIT_MS // 2)
    assert box.texts() == ["info words"]
    assert box.retaining.state.waiting is not None
    box.look(WAIT_MS)
    assert box.texts() == []


def test_what_waits_for_a_rebuild_goes_when_it_is_confirmed(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.index("info words", NOW_MS - 400 * DAY_MS)
    store.begin_rebuild()
    box.look()
    waiting = box.retaining.state.waiting
    assert waiting is not None
    assert (waiting.why, waiting.rows) == (SETTING, 10)
    box.index("info again", NOW_MS - 400 * DAY_MS)
    assert box.retaining.confirm() == waiting
    box.look()
    assert box.texts() == []
    condition = box.account.past().condition({"ArrivedAt", "RetentionClass"}, ("logs", "T", 0))
    assert store.query(f"SELECT count() FROM otel_logs_before WHERE {condition}").rows == [(10,)]
    rebuild.end(store)


def test_a_setting_that_is_set_back_within_the_wait_deletes_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    box.retaining.reconfigure(StoreConfig(keep="1d"))
    with caplog.at_level(logging.WARNING):
        box.look(5 * DAY_MS)
    assert "up to 10 rows" in caplog.text
    box.retaining.reconfigure(StoreConfig(keep="14d"))
    box.look(WAIT_MS)
    assert box.texts() == ["info words"]


def test_a_clock_forty_days_ahead_deletes_nothing(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    for at in (40 * DAY_MS, HOUR_MS):
        box.look(at, passed_ms=0)
        assert box.texts() == ["info words"]
        assert box.retaining.state.waiting is not None
    box.index("info later", box.now_ms)
    box.look(-40 * DAY_MS, passed_ms=0)
    box.look(int(14.6 * DAY_MS))
    assert box.texts() == []


def test_statements_over_what_goes_answer_for_before_or_after(store: Store) -> None:
    """Counts and long reads, begun at any time of the drops."""
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    for days in range(6, 0, -1):
        box.index(f"info {days}", NOW_MS - days * DAY_MS, 500)
    answers: list[tuple[int, int]] = []
    failed: list[QueryError] = []
    ended = threading.Event()

    def ask() -> None:
        sql = (
            "SELECT count(), uniqExact(Offset) FROM (SELECT Offset, sleepEachRow(0.00001) FROM otel_logs ORDER BY Body)"
        )
        while not ended.is_set():
            try:
                answers.extend((count, offsets) for count, offsets in store.query(sql).rows)
            except QueryError as error:
                failed.append(error)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    for _ in range(7):
        box.look(DAY_MS)
    box.look(8 * DAY_MS)
    ended.set()
    for thread in asking:
        thread.join()
    assert failed == []
    assert answers
    assert all(count == offsets and count % 500 == 0 for count, offsets in answers)
    assert box.texts() == []


def test_a_clock_that_leapt_is_right_for_no_new_process(store: Store) -> None:
    """Twenty days, which a box may have been off; this one was not."""
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    box.look(20 * DAY_MS, passed_ms=0)
    for _ in range(2):
        box.retaining = Retaining(box.config, store, box.account)
        box.look(HOUR_MS)
        assert box.texts() == ["info words"]


def test_a_memory_that_is_lost_makes_no_clock_right(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    (store.directory / FILE).unlink()
    box.retaining = Retaining(box.config, store, box.account)
    for later in (40 * DAY_MS, WAIT_MS, WAIT_MS):
        box.look(later)
        assert box.texts() == ["info words"]
    assert box.retaining.state.waiting is not None


def test_a_clock_that_is_confirmed_is_believed_and_what_came_meanwhile_stays(store: Store) -> None:
    """A box that was off for forty days."""
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info before", NOW_MS - 2 * DAY_MS)
    box.retaining = Retaining(box.config, store, box.account)
    box.look(40 * DAY_MS, passed_ms=0)
    box.index("info meanwhile", box.now_ms)
    box.look(HOUR_MS)
    assert box.texts() == ["info before", "info meanwhile"]
    waiting = box.retaining.confirm()
    assert waiting is not None
    assert waiting.why == CLOCK
    box.look()
    assert box.texts() == ["info meanwhile"]
    assert box.retaining.state.waiting is None
    box.index("info after", box.now_ms)
    box.look(13 * DAY_MS)
    assert box.texts() == ["info after", "info meanwhile"]
    box.look(3 * DAY_MS)
    assert box.texts() == []
    box.assert_accounted()


def test_what_waits_for_a_setting_goes_when_it_is_confirmed(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    assert box.retaining.confirm() is None
    box.index("info words", NOW_MS)
    box.look(5 * DAY_MS)
    box.retaining.reconfigure(StoreConfig(keep="1d"))
    box.look()
    assert box.texts() == ["info words"]
    box.retaining.confirm()
    box.look()
    assert box.texts() == []


def test_the_wait_is_as_long_when_the_clock_is_set_meanwhile(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    box.look(5 * DAY_MS)
    box.retaining.reconfigure(StoreConfig(keep="1d"))
    box.look()
    box.look(12 * HOUR_MS, passed_ms=0)
    box.look(-20 * HOUR_MS, passed_ms=0)
    assert box.texts() == ["info words"]
    for _ in range(WAIT_MS // 60_000):
        box.look(60_000, passed_ms=0)
    assert box.texts() == []


def test_a_file_system_whose_size_changes_a_little_all_the_time_stops_nothing(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d", max_bytes=10**10))
    box.look()
    box.index("info words", NOW_MS)
    for step in range(30):
        box.retaining.reconfigure(StoreConfig(keep="14d", max_bytes=10**10 - step * 10**7))
        box.look(DAY_MS // 2)
    assert box.texts() == []


@pytest.mark.embedded_store
def test_a_drop_that_finds_no_room_is_tried_again_with_that_of_the_reserve(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(store, StoreConfig(keep="14d"))
    box.look()
    box.index("info words", NOW_MS)
    reserve = store.place / RESERVE
    assert reserve.exists()
    drop = retained.drop

    def drop_with_room(store: Store, chosen: Chosen) -> None:
        if reserve.exists():
            raise QueryError("no space left on device")
        drop(store, chosen)

    monkeypatch.setattr(retained, "drop", drop_with_room)
    box.look(20 * DAY_MS)
    assert box.texts() == []
    assert reserve.exists()


def test_the_oldest_go_for_room(store: Store) -> None:
    box = Box(store, StoreConfig(keep="14d", max_bytes="100%"))
    box.look()
    for days in (3, 2, 1, 0):
        box.index(f"info {days} days", NOW_MS - days * DAY_MS, 200)
    box.look()
    used = box.retaining.state.used.lasting.store
    box.retaining.reconfigure(StoreConfig(keep="14d", max_bytes=used - 1))
    box.look()
    assert len(box.texts()) == 4
    box.look(WAIT_MS)
    assert box.texts() == ["info 0 days", "info 1 days", "info 2 days"]
    box.assert_accounted()
    box.retaining.reconfigure(StoreConfig(keep="14d", max_bytes=1))
    box.look()
    box.look(WAIT_MS)
    assert box.texts() == ["info 0 days"]


@pytest.mark.embedded_store
def test_no_more_goes_for_room_because_a_backup_keeps_what_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(store, StoreConfig(keep="14d", max_bytes="100%"))
    box.look()
    for days in (3, 2, 1, 0):
        for _ in range(4):  # much more than what the manifest takes
            box.index(f"info {days} days {os.urandom(30_000).hex()}", NOW_MS - days * DAY_MS, 1)
    box.look()
    frozen = Path(freeze(store).directory)
    box.look()
    store.command("SYSTEM STOP MERGES")  # of four parts one is smaller
    box.look()
    box.retaining.reconfigure(StoreConfig(keep="14d", max_bytes=box.retaining.state.used.lasting.store - 1))
    box.look()
    for later in (WAIT_MS, 60_000, 60_000):
        box.look(later)
        assert {text[:11] for text in box.texts()} == {"info 0 days", "info 1 days", "info 2 days"}
    store.command("SYSTEM START MERGES")
    assert held_bytes(store) > 0
    assert frozen.exists()
    monkeypatch.setattr(measuring, "FULL", 0.0)  # the disk is: now it needs the room
    box.look(60_000)
    assert held_bytes(store) == 0
    assert not frozen.exists()


def test_a_new_process_goes_on_with_small_units(store: Store) -> None:
    """The day's unit that it finds is no longer than others, or nothing of the day could go for room."""
    box = Box(store, StoreConfig(max_bytes=16_000))
    box.index("info words", NOW_MS)
    box.retaining = Retaining(box.config, store, box.account)
    box.look()
    box.index("info words", NOW_MS, 100)
    assert len(retained.units(store)) >= 4


@pytest.mark.parametrize("done", ["nothing", "a part", "everything"])
def test_what_was_interrupted_is_counted_out_as_far_as_it_went(store: Store, done: str) -> None:
    box = Box(store, StoreConfig())
    box.look()
    box.index("info words", NOW_MS, 10)
    [unit] = retained.units(store)
    chosen = Chosen(unit.of_class, unit.number)
    file = MemoryFile(store.directory, store.place)
    counted = retained.count(store, chosen)
    [line] = box.account.lines(counted.chunks)
    file.memory.pending = Pending(*chosen[:4], [(line, counted.rows)])
    file.save()
    gone = {"nothing": 0, "a part": 4, "everything": 10}[done]
    store.command(f"DELETE FROM otel_logs WHERE Offset < {gone}")
    for _ in range(2):  # and killed once more before the last step
        dropping = Dropping(store, Account(store, KafkaConfig()), MemoryFile(store.directory, store.place))
        dropping.settle()
        [line] = manifest_table.read(store)
        assert line.rows == 10 - gone
        file.save()
    dropping.settle()


def box_with_pending(store: Store, query: str, rows: int) -> Box:
    """Ten rows of a unit, of which a process before wrote down that `rows` are to go."""
    box = Box(store, StoreConfig())
    box.look()
    box.index("info words", NOW_MS, 10)
    [unit] = retained.units(store)
    [line] = box.account.lines(retained.count(store, Chosen(unit.of_class, unit.number)).chunks)
    file = MemoryFile(store.directory, store.place)
    file.memory.pending = Pending(unit.of_class, unit.number, NOW_MS // 1000 + 60, query, [(line, rows)])
    file.save()
    return box


@pytest.mark.embedded_store
def test_what_the_engine_would_go_on_with_is_ended_before_it_is_counted(store: Store) -> None:
    """As after a kill: a lightweight deletion that was accepted, and is not done."""
    box = box_with_pending(store, "", 10)
    store.command("SYSTEM STOP MERGES otel_logs")
    store.command("DELETE FROM otel_logs WHERE Offset < 4 SETTINGS lightweight_deletes_sync = 0")
    try:
        box.retaining = Retaining(box.config, store, box.account)
        box.retaining.settle()
    finally:
        store.command("SYSTEM START MERGES otel_logs")
    box.assert_accounted()
    assert store.query("SELECT count() FROM system.mutations WHERE NOT is_done AND NOT is_killed").rows == [(0,)]
    store.command("OPTIMIZE TABLE otel_logs FINAL")
    box.assert_accounted()


def test_it_drops_what_the_engine_takes_for_too_large(store: Store) -> None:
    box = Box(store, StoreConfig())
    box.index("info words", NOW_MS, 1000)
    [unit] = retained.units(store)
    limit = "SETTINGS max_partition_size_to_drop = 1"
    with pytest.raises(QueryError, match="was not dropped"):
        store.command(f"ALTER TABLE otel_logs DROP PARTITION ({unit.of_class}, {unit.number}) {limit}")
    retained.drop(store, Chosen(unit.of_class, unit.number))
    assert retained.units(store) == []


def test_a_drop_whose_query_no_release_can_read_is_counted_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    box = box_with_pending(store, 'level:"', 6)
    store.command("DELETE FROM otel_logs WHERE Offset < 4")
    with caplog.at_level(logging.WARNING, "retention"):
        box.retaining = Retaining(box.config, store, box.account)
        box.retaining.settle()
    assert "the query 'level:\"', which this release cannot read" in caplog.text
    box.assert_accounted()
    assert MemoryFile(store.directory, store.place).memory.pending is None
    box.look()


def test_of_a_memory_that_is_damaged_the_copy_holds(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    box = Box(store, StoreConfig())
    box.look()
    box.index("info words", NOW_MS, 10)
    [unit] = retained.units(store)
    chosen = Chosen(unit.of_class, unit.number)
    [line] = box.account.lines(retained.count(store, chosen).chunks)
    file = MemoryFile(store.directory, store.place)
    file.memory.pending = Pending(*chosen[:4], [(line, 10)])
    file.memory.floors = (Floor(0, "logs", "T", 0, 7),)
    file.save()
    retained.drop(store, chosen)
    (store.directory / FILE).write_bytes(b'{"clock": ' + bytes(64))
    with caplog.at_level(logging.ERROR, "retention"):
        box.retaining = Retaining(box.config, store, box.account)
    assert "is damaged" in caplog.text
    assert "its copy holds" in caplog.text
    assert (store.directory / f"{FILE}.damaged").read_bytes().endswith(bytes(64))
    box.retaining.settle()
    box.assert_accounted()
    again = MemoryFile(store.directory, store.place).memory
    assert (again.pending, again.floors) == (None, file.memory.floors)
    (store.directory / f"{FILE}.damaged").unlink()


def test_a_memory_of_which_both_are_damaged_brings_back_nothing_that_had_to_go(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box(store, StoreConfig())
    box.look()
    box.index("info old", NOW_MS - 2 * DAY_MS)
    box.index("info new", NOW_MS)
    old = min(retained.units(store), key=lambda one: one.number)
    box.retaining._dropping.drop(
        Chosen(old.of_class, old.number), retained.count(store, Chosen(old.of_class, old.number))
    )
    for name in (FILE, COPY):
        (store.directory / name).write_text("{")
    with caplog.at_level(logging.ERROR, "retention"):
        box.retaining = Retaining(box.config, store, box.account)
    assert "and so is its copy" in caplog.text
    box.retaining.settle()
    box.look()
    assert box.retaining._file.memory.floors == (Floor(0, "logs", "T", 0, 9),)
    for offset, is_left_out in ((9, True), (10, False)):
        row = to_row(b"{}", Position(*KEY, "T", offset, 0), 0)
        row.arrived_at = (NOW_MS - 2 * DAY_MS) // 1000
        assert box.retaining.placing.is_below_floor(row) == is_left_out
    (store.directory / f"{FILE}.damaged").unlink()


def test_floors_are_not_made_of_rows_that_are_missing(store: Store) -> None:
    box = Box(store, StoreConfig())
    box.look()
    box.index("info old", NOW_MS - 2 * DAY_MS)
    box.index("info new", NOW_MS)
    store.command("DELETE FROM otel_logs WHERE Offset < 10")
    assert retained.lowest(store) == ({}, 0)

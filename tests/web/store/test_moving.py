"""A store of the layout before is moved a day at a time: on a disk without room for two, and when it is killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost_web.indexer.moving import RETRY_SECONDS, Moving
from logpost_web.store import older
from logpost_web.store.disk import file_system
from logpost_web.store.errors import QueryError, UnopenedError
from logpost_web.store.store import Store
from tests.web.indexer.test_away import Box
from tests.web.store.test_older import as_of_layout_3

MEGABYTE = 1_000_000
DAYS = 8
ROWS = 1500
"""Of a day."""
SECONDS = 60.0
KILLS = 2
KILLED_DAYS = 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", directory], check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def old_store(directory: Path) -> Store:
    store = Store.open(StoreConfig(), directory)
    as_of_layout_3(store)
    for day in range(DAYS):
        store.command(
            "INSERT INTO otel_logs (Body, Topic, TopicId, Offset, ArrivedAt) SELECT randomString(4000), 'logs', 'T',"
            f" {day * ROWS} + number, 86400 * {20_000 + day} FROM numbers({ROWS})"
        )
    store.close()
    return Store.open(StoreConfig(), directory)


def offsets(store: Store) -> list[int]:
    return [offset for (offset,) in store.query("SELECT Offset FROM otel_logs ORDER BY Offset").rows]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_a_disk_with_room_for_a_day_is_enough(disk: Path) -> None:
    with contextlib.closing(old_store(disk)) as store:
        move_with_little_room(store, disk)


def move_with_little_room(store: Store, disk: Path) -> None:
    rows = list(range(DAYS * ROWS))
    [(size,)] = store.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE table = 'otel_logs_older'").rows
    assert size > file_system(disk).free
    now = [0.0]
    moving = Moving(store, lambda: now[0])
    filling = disk / "filling"
    filling.write_bytes(bytes(max(file_system(disk).free - 18 * MEGABYTE, 0)))
    moving.step()
    assert "a day of them needs" in moving.error
    assert moving.rows_left == len(rows)
    filling.unlink()
    least = file_system(disk).free
    while store.reads_older:
        now[0] += RETRY_SECONDS
        moving.step()
        least = min(least, file_system(disk).free)
        assert len(offsets(store)) == len(rows)
        assert moving.error == "" or "a day of them needs" in moving.error
    assert offsets(store) == rows
    assert least > 10 * MEGABYTE
    assert moving.error == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_no_table_is_changed_on_a_disk_without_room(disk: Path) -> None:
    store = Store.open(StoreConfig(), disk)
    as_of_layout_3(store)
    store.command("INSERT INTO otel_logs (Topic, TopicId, Offset) SELECT 'logs', 'T', number FROM numbers(9)")
    store.close()
    filling = disk / "filling"
    filling.write_bytes(bytes(file_system(disk).free - MEGABYTE // 2))
    with pytest.raises(UnopenedError, match=r"is full: \d[\d,]* bytes are free"):
        Store.open(StoreConfig(), disk)
    filling.unlink()
    with contextlib.closing(Store.open(StoreConfig(), disk)) as store:
        assert store.reads_older
        assert offsets(store) == list(range(9))


def test_a_day_that_is_in_both_places_is_taken_from_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(old_store(tmp_path)) as store:
        moving = Moving(store, time.monotonic)
        command = store.command
        failed: list[str] = []

        def without_room(sql: str, parameters: Mapping[str, object] | None = None) -> None:
            if "otel_logs_older DROP PARTITION" in sql and not failed:
                failed.append(sql)
                raise QueryError("no room")
            command(sql, parameters)

        with monkeypatch.context() as patched:
            patched.setattr(store, "command", without_room)
            while not moving.error:
                moving.step()
        assert "no room" in moving.error
        assert offsets(store) == list(range(DAYS * ROWS))
        assert len(older.parts(store)) == DAYS - 1


def test_a_web_that_is_killed_while_it_moves_finds_all_of_it_all_the_time(tmp_path: Path) -> None:
    box = Box(tmp_path)
    rows = KILLED_DAYS * ROWS
    store = Store.open(StoreConfig(), box.data / "store")
    as_of_layout_3(store)
    today = int(time.time()) // 86_400
    store.command(
        "INSERT INTO otel_logs (Timestamp, Body, Topic, TopicId, Offset, ArrivedAt) SELECT now64(9), 'old', 'gone',"
        f" 'T', number, 86400 * ({today} - number % {KILLED_DAYS}) FROM numbers({rows})"
    )
    store.close()
    with box.broker.start():
        for _ in range(KILLS):
            box.web.start()
            while not any("moved" in line for line in box.web.lines):
                assert box.total() == rows
            box.web.kill()
        with box.web.start():
            box.web.await_line("all rows are of this release's layout", SECONDS)
            assert box.total() == rows
            assert box.get("/api/store/rebuild")["older_rows"] == 0
    store = Store.open(StoreConfig(), box.data / "store")
    assert not store.reads_older
    assert offsets(store) == list(range(rows))
    store.close()

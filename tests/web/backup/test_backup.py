"""Backups of a store and what is restored of them, each row once."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logpost.backup import tree
from logpost.backup.listing import BackupError
from logpost.config import StoreConfig
from logpost.errors import LogpostError, StartError
from logpost_web.backup.checking import damaged, read_listing, set_aside
from logpost_web.backup.listing import NAME, Listing
from logpost_web.backup.restoring import Restored, restore
from logpost_web.backup.saving import Saved, check_target, save
from logpost_web.store import manifest_table, rebuild, restored
from logpost_web.store.check import check
from logpost_web.store.frozen import freeze, release
from logpost_web.store.manifest_table import CHUNK, Chunk
from logpost_web.store.schema import VERSION
from logpost_web.store.store import Store
from tests.web.store.test_store import as_of_layout_2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(StoreConfig(), tmp_path / "store")
    yield store
    store.close()


def insert(store: Store, start: int, end: int, *, unit: int = 24, topic_id: str = "id") -> None:
    """Rows of these offsets, a part."""
    common = {"Topic": "logs", "TopicId": topic_id, "Partition": 0, "ArrivedAt": 1_790_000_000, "RetentionUnit": unit}
    store.insert(
        "\n".join(json.dumps({**common, "Offset": one, "Body": f"line {one}"}) for one in range(start, end)).encode()
    )


def account(store: Store, start: int, end: int, *, rows: int | None = None, lost: int = 0, version: int = 1) -> None:
    rows = end - start if rows is None else rows
    line = Chunk("logs", "id", 0, start // CHUNK, start, end, rows, lost=lost, last_offset=end - 1, version=version)
    manifest_table.write(store, [line])


def back_up(store: Store, target: Path) -> Saved:
    try:
        return save(freeze(store), target, io.StringIO())
    finally:
        release(store)


def at_once(work: Callable[[], None]) -> None:
    work()


def put_back(store: Store, target: Path, *, sound_only: bool = False) -> Restored:
    return restore(store, target, at_once, sound_only=sound_only)


def empty(store: Store) -> None:
    for table in ("otel_logs", "otel_logs_manifest", "otel_logs_stepped_over"):
        store.command(f"TRUNCATE TABLE {table}")


def offsets(store: Store) -> list[int]:
    return [offset for (offset,) in store.query("SELECT Offset FROM otel_logs ORDER BY Offset").rows]


def test_an_increment_copies_what_is_new_and_forgets_what_is_gone(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    store.command("SYSTEM STOP MERGES")
    insert(store, 0, 10)
    insert(store, 10, 20)
    account(store, 0, 20)
    first = back_up(store, target)
    assert (first.copied, len(first.listing.parts)) == (3, 3)
    assert back_up(store, target).copied == 0
    insert(store, 20, 30, unit=48)
    store.command("SYSTEM START MERGES")
    store.command("OPTIMIZE TABLE otel_logs PARTITION (0, 24) FINAL")
    third = back_up(store, target)
    assert third.copied == 2  # the new one, and the one that a merge made of two
    assert len(third.listing.parts) == 3
    there = sorted(path.relative_to(target / "parts").as_posix() for path in target.glob("parts/*/*"))
    assert there == sorted(part.place for part in third.listing.parts)
    assert not (tmp_path / "store" / "clickhouse" / "shadow").exists()
    empty(store)
    assert put_back(store, target).rows == 30
    assert offsets(store) == list(range(30))


def test_what_is_restored_twice_is_there_once_and_what_came_since_stays(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    insert(store, 0, 100)
    insert(store, 100, 150, unit=48)
    account(store, 0, 150)
    store.command(
        "INSERT INTO otel_logs_stepped_over (Topic, TopicId, Partition, Start, End) VALUES ('logs','id',0,7,9)"
    )
    back_up(store, target)
    insert(store, 150, 160, unit=48)
    account(store, 0, 160, version=2)
    found = put_back(store, target)
    assert (found.rows, found.known_rows) == (0, 150)
    assert (offsets(store), check(store).is_sound) == (list(range(160)), True)
    store.command("ALTER TABLE otel_logs DROP PARTITION (0, 24)")
    store.command("DELETE FROM otel_logs WHERE Offset BETWEEN 120 AND 129")
    assert (check(store).lacking_rows, put_back(store, target).rows) == (110, 110)
    assert (offsets(store), check(store).is_sound) == (list(range(160)), True)
    empty(store)
    for expected in (150, 0):
        assert put_back(store, target).rows == expected
        assert (offsets(store), check(store).is_sound) == (list(range(150)), True)
        [line] = manifest_table.read(store)
        assert (line.start, line.end, line.rows, line.last_offset) == (0, 150, 150, 149)
        assert store.query("SELECT Start FROM otel_logs_stepped_over FINAL").rows == [(7,)]


def test_a_restore_that_was_interrupted_is_done_again(store: Store, tmp_path: Path) -> None:
    """Also where the topic gave some rows meanwhile; nothing is accounted for before all is there."""
    target = tmp_path / "backup"
    for unit in range(1, 6):
        insert(store, unit * 10, unit * 10 + 10, unit=unit * 24)
    account(store, 10, 60)
    back_up(store, target)
    for stop_after in (0, 2, 5):
        empty(store)
        insert(store, 30, 35, unit=72)
        calls: list[int] = []

        def some(work: Callable[[], None], calls: list[int] = calls, stop_after: int = stop_after) -> None:
            if len(calls) == stop_after:
                raise LogpostError("the end")
            calls.append(1)
            work()

        with pytest.raises(LogpostError, match="the end"):
            restore(store, target, some)
        assert manifest_table.read(store) == []
        assert not store.has_table("otel_logs_restored")
        put_back(store, target)
        assert (offsets(store), check(store).is_sound) == (list(range(10, 60)), True)


def test_lost_rows_that_come_back_are_lost_no_more(store: Store, tmp_path: Path) -> None:
    insert(store, 0, 50)
    account(store, 0, 50)
    back_up(store, tmp_path / "backup")
    store.command("DELETE FROM otel_logs WHERE Offset < 40")
    account(store, 0, 50, rows=10, lost=40, version=5)
    put_back(store, tmp_path / "backup")
    [line] = manifest_table.read(store)
    assert (line.rows, line.lost) == (50, 0)


def test_what_was_never_looked_at_is_not_taken_for_looked_at() -> None:
    here, saved = Chunk("logs", "id", 0, 0, 100, 200, 100), Chunk("logs", "id", 0, 0, 0, 50, 50)
    assert restored.merged(here, saved) is None
    saved.end = 100
    line = restored.merged(here, saved)
    assert line is not None
    assert (line.start, line.end) == (0, 200)


def test_a_backup_that_was_made_during_a_rebuild_has_the_rows_of_before(store: Store, tmp_path: Path) -> None:
    insert(store, 0, 50)
    account(store, 0, 50)
    store.begin_rebuild()
    insert(store, 0, 20)
    back_up(store, tmp_path / "backup")
    with pytest.raises(BackupError, match="is being rebuilt"):
        put_back(store, tmp_path / "backup")
    rebuild.end(store)
    empty(store)
    found = put_back(store, tmp_path / "backup")
    assert (found.rows, found.known_rows) == (50, 20)
    assert (offsets(store), check(store).is_sound) == (list(range(50)), True)


def test_a_backup_of_an_older_layout_is_written_as_this_one_writes_it(store: Store, tmp_path: Path) -> None:
    store.command("RENAME TABLE otel_logs TO kept")  # its directory is the place of the store
    store.command("CREATE TABLE otel_logs AS kept")
    as_of_layout_2(store)
    values = ", ".join(f"('logs', 'id', 0, {one}, 'line {one}', 1790000000)" for one in range(50))
    store.command(f"INSERT INTO otel_logs (Topic, TopicId, Partition, Offset, Body, IndexedAt) VALUES {values}")
    account(store, 0, 50)
    back_up(store, tmp_path / "backup")
    store.command("DROP TABLE otel_logs SYNC")
    store.command("RENAME TABLE kept TO otel_logs")
    for rows in (50, 0):
        assert put_back(store, tmp_path / "backup").rows == rows
        assert (offsets(store), check(store).is_sound) == (list(range(50)), True)
    assert store.query("SELECT countIf(ArrivedAt = IndexedAt) FROM otel_logs").rows == [(50,)]


def test_what_was_deleted_since_or_before_does_not_come_back(store: Store, tmp_path: Path) -> None:
    insert(store, 0, 10)
    account(store, 0, 10)
    back_up(store, tmp_path / "before")
    deleted = (
        "INSERT INTO otel_logs_deleted (Deletion, Topic, TopicId, Partition, Offset) VALUES ('d', 'logs', 'id', 0, "
    )
    store.command(f"{deleted} 3)")
    store.command("DELETE FROM otel_logs WHERE Offset = 3")
    back_up(store, tmp_path / "after")
    left = [0, 1, 2, *range(4, 10)]
    for name, is_known in (("before", True), ("after", True), ("after", False)):
        empty(store)
        if not is_known:
            store.command("TRUNCATE TABLE otel_logs_deleted")
        put_back(store, tmp_path / name)
        assert (offsets(store), check(store).is_sound) == (left, True)


def largest(target: Path) -> Path:
    return max(target.glob("parts/otel_logs/*/data.bin"), key=lambda file: file.stat().st_size)


def cut(target: Path) -> None:
    os.truncate(largest(target), 20)


def changed(target: Path) -> None:
    content = largest(target).read_bytes()
    largest(target).write_bytes(bytes([content[0] ^ 1]) + content[1:])


def changed_in_silence(target: Path) -> None:
    """The disk did it: no time says so, but `check` reads it."""
    file = largest(target)
    times = file.stat()
    changed(target)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    listing = read_listing(target)
    set_aside(target, damaged(target, listing))


def removed(target: Path) -> None:
    shutil.rmtree(largest(target).parent)


@pytest.mark.parametrize("damage", [cut, changed, changed_in_silence, removed])
def test_a_damaged_part_is_named_and_copied_again(store: Store, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    target = tmp_path / "backup"
    insert(store, 0, 100)
    insert(store, 100, 110, unit=48)
    account(store, 0, 110)
    listing = back_up(store, target).listing
    name = f"{largest(target).parent.name.partition('-')[0]}"
    damage(target)
    [(part, _)] = damaged(target, listing)
    assert part.name.startswith(name)
    empty(store)
    with pytest.raises(BackupError, match=f"is damaged: otel_logs {part.name}: .*nothing was restored"):
        put_back(store, target)
    assert offsets(store) == []
    found = put_back(store, target, sound_only=True)
    assert (found.rows, len(found.damaged)) == (10, 1)
    assert check(store).lacking_rows == 100  # a web reads them again
    insert(store, 0, 100)
    before = {one.place for one in listing.parts}
    again = back_up(store, target)
    assert not damaged(target, again.listing)
    assert before != {one.place for one in again.listing.parts}


def test_a_damaged_part_of_a_store_that_is_as_it_was_is_copied_again(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    insert(store, 0, 100)
    back_up(store, target)
    for damage in (cut, changed, removed, changed_in_silence):
        damage(target)
        assert back_up(store, target).copied == 1
        assert damaged(target, read_listing(target)) == []


def test_a_backup_that_was_killed_leaves_the_one_before_and_the_next_is_whole(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    insert(store, 0, 10)
    back_up(store, target)
    insert(store, 10, 20)
    frozen = freeze(store)
    table = target / "parts" / "otel_logs"
    shutil.copytree(next(table.iterdir()), table / "0-24_9_9_0-0123456789abcdef.new")
    shutil.copytree(next(table.iterdir()), table / "0-24_8_8_0-0123456789abcdef")
    assert damaged(target, read_listing(target)) == []
    save(frozen, target, io.StringIO())
    assert len(list(table.iterdir())) == 2
    shutil.rmtree(Path(frozen.directory))
    insert(store, 20, 30)
    with pytest.raises(BackupError, match="run it again"):
        save(frozen, target, io.StringIO())
    assert back_up(store, target).copied == 1


@pytest.mark.parametrize("moment", ["before", "while a part is walked", "and frozen again"])
def test_a_backup_whose_parts_are_released_meanwhile_is_not_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    insert(store, 0, 10)
    insert(store, 10, 20, unit=48)
    frozen = freeze(store)

    def let_go() -> None:
        release(store)
        if moment == "and frozen again":
            store.command("ALTER TABLE otel_logs DROP PARTITION (0, 48)")
            freeze(store)

    walk, copied = tree.walk, tree.copy

    def walk_and_copy(*arguments: Any) -> Any:
        """The first file of a part, of which the walk then sees no more."""
        entry = copied(*arguments)
        let_go()
        monkeypatch.setattr(tree, "walk", lambda _: iter(()))
        monkeypatch.setattr(tree, "copy", copied)
        return entry

    def first_only(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
        return iter(list(walk(directory))[:1])

    if moment == "before":
        let_go()
    else:
        monkeypatch.setattr(tree, "walk", first_only)
        monkeypatch.setattr(tree, "copy", walk_and_copy)
    with pytest.raises(BackupError, match="run it again"):
        save(frozen, tmp_path / "backup", io.StringIO())
    assert not (tmp_path / "backup" / NAME).exists()
    release(store)


def test_a_backup_lacks_no_part_that_was_frozen(store: Store, tmp_path: Path) -> None:
    insert(store, 0, 10)
    frozen = freeze(store)
    shutil.rmtree(next(Path(frozen.directory, frozen.tables["otel_logs"].directory).iterdir()))
    with pytest.raises(BackupError, match="No such file"):
        save(frozen, tmp_path / "backup", io.StringIO())
    assert not (tmp_path / "backup" / NAME).exists()


def test_a_store_that_is_opened_has_no_leftovers(tmp_path: Path) -> None:
    store = Store.open(StoreConfig(), tmp_path)
    insert(store, 0, 10)
    freeze(store)
    [(create,)] = store.query("SELECT create_table_query FROM system.tables WHERE name = 'otel_logs'").rows
    restored.stage(store, "otel_logs", create, [])
    store.close()
    assert (tmp_path / "clickhouse" / "shadow").exists()
    store = Store.open(StoreConfig(), tmp_path)
    assert not (tmp_path / "clickhouse" / "shadow").exists()
    assert not store.has_table("otel_logs_restored")
    store.close()


def test_what_is_no_backup_or_of_a_newer_release_is_refused(store: Store, tmp_path: Path) -> None:
    for name, said in (("nothing", "there is no such directory"), ("empty", "it has no parts.json")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(BackupError, match=said):
            put_back(store, tmp_path / name)
    target = tmp_path / "backup"
    insert(store, 0, 10)
    listing = back_up(store, target).listing
    newer = msgspec.structs.replace(listing.store, layout=VERSION + 1)
    _write(target, msgspec.structs.replace(listing, store=newer))
    with pytest.raises(StartError, match=f"layout {VERSION + 1}.*knows {VERSION}"):
        put_back(store, target)
    newer = msgspec.structs.replace(listing.store, engine="99.1.1.1")
    _write(target, msgspec.structs.replace(listing, store=newer))
    with pytest.raises(StartError, match=r"ClickHouse 99\.1"):
        put_back(store, target)
    _write(target, msgspec.structs.replace(listing, tables={"otel_logs": "DROP TABLE otel_logs"}))
    with pytest.raises(BackupError, match="no statement that makes otel_logs"):
        put_back(store, target)
    for text, said in (("{", "is damaged"), ('{"format": 99}', "newer logpost")):
        (target / NAME).write_text(text)
        with pytest.raises(BackupError, match=said):
            put_back(store, target)
    assert offsets(store) == list(range(10))


def _write(target: Path, listing: Listing) -> None:
    (target / NAME).write_bytes(msgspec.json.encode(listing))


def test_a_backup_goes_only_where_nothing_else_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for path in ("data/store", "data", "other"):
        (tmp_path / path).mkdir(exist_ok=True, parents=True)
        (tmp_path / path / "file").write_text("x")
        with pytest.raises(BackupError, match=r"in the data directory|something else in it \(file\)"):
            check_target(tmp_path / path, data)
    check_target(tmp_path / "new", data)

"""Damage that an error does not place is found all the same."""

import json
from pathlib import Path

import pytest

from logpost_web.indexer.mending import Mending
from logpost_web.store.errors import QueryError
from logpost_web.store.parts import parts, set_aside
from logpost_web.store.room import RESERVE, keep_reserve
from logpost_web.store.schema import SEARCHED_TEXT
from logpost_web.store.store import Store


def insert(store: Store, *offsets: int) -> None:
    store.insert("\n".join(json.dumps({"Body": f"line {one} words", "Offset": one}) for one in offsets).encode())


def flip_a_bit(file: Path, at: float) -> None:
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 16
    file.write_bytes(content)


@pytest.mark.embedded_store
def test_a_damaged_skip_index_costs_its_part_and_no_search_for_ever(store: Store) -> None:
    """The engine names the index, and no part."""
    store.command("SYSTEM STOP MERGES otel_logs")
    for start in (0, 100, 200):
        insert(store, *range(start, start + 100))
    damaged = [part for part in parts(store) if part.table == "otel_logs"][1]
    flip_a_bit(damaged.directory / "skp_idx.packed", 0.9)
    words = f"SELECT count() FROM otel_logs WHERE hasToken({SEARCHED_TEXT}, 'words')"
    said: list[str] = []
    mending = Mending(store, said.append)
    with pytest.raises(QueryError):
        store.query(words)
    looks = next((number for number in range(20) if mending.mend(0.0)), None)
    assert looks is not None
    assert said == ["parts of the store are damaged"]
    assert damaged.name not in [part.name for part in parts(store)]
    assert store.query(words).rows == [(200,)]
    mending.clear()
    store.command("SYSTEM START MERGES otel_logs")


@pytest.mark.embedded_store
def test_on_a_full_disk_a_damaged_part_is_set_aside_with_the_room_of_the_reserve(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or every search would meet it until there is room."""
    keep_reserve(store.place)
    insert(store, 1)
    [part] = [part for part in parts(store) if part.table == "otel_logs"]
    command = store.command

    def with_room(sql: str) -> None:
        if (store.place / RESERVE).exists():
            raise QueryError("Cannot reserve 1.00 MiB, not enough space", 243)
        command(sql)

    monkeypatch.setattr(store, "command", with_room)
    set_aside(store, part)
    assert not [part for part in parts(store) if part.table == "otel_logs"]
    Mending(store, lambda _: None).clear()


@pytest.mark.embedded_store
def test_a_part_that_another_process_set_aside_goes_when_its_rows_are_back(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """As `logpost store check` on a box that is stopped, or a web that was killed before they were back."""
    insert(store, 1, 2)
    [part] = [part for part in parts(store) if part.table == "otel_logs"]
    set_aside(store, part)
    mending = Mending(store, lambda _: None)
    mending.say_broken()
    assert "1 parts of otel_logs are damaged and set aside; what the topics have" in caplog.text
    assert list((part.directory.parent / "detached").iterdir())
    mending.clear()
    assert not list((part.directory.parent / "detached").iterdir())

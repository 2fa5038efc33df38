"""What the store says that it holds is what is in it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost_web.store.disk import allocated
from logpost_web.store.retained import units
from logpost_web.store.stats import Service, contents, read
from logpost_web.store.store import Store
from tests.support.stores import opened_store

DAY = 86_400


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        rows = [
            {"Body": "x" * 100, "ServiceName": service, "Offset": number, "ArrivedAt": (20_000 + day) * DAY}
            for number, (service, day) in enumerate(
                [*[("noisy", 0)] * 6, *[("noisy", 1)] * 2, ("shop", 1), ("shop", 1)]
            )
        ]
        store.insert("\n".join(map(json.dumps, rows)).encode())
        yield store


def test_rows_and_their_share_by_service_and_day(store: Store) -> None:
    found = read(store)
    assert (found.rows, found.message_bytes) == (10, 1000)
    assert [(one.service, one.rows, one.share) for one in found.services] == [("noisy", 8, 0.8), ("shop", 2, 0.2)]
    assert [(one.day, one.rows) for one in found.days] == [("2024-10-04", 6), ("2024-10-05", 4)]
    assert found.bytes == sum(unit.bytes for unit in units(store)) > 0
    assert abs(sum(one.bytes for one in found.days) - found.bytes) < 10
    assert found.bytes_per_day == found.bytes // 2
    assert found.ratio == round(1000 / found.bytes, 2)
    noisy, shop = found.services
    assert abs(noisy.bytes_per_day * 2 - noisy.bytes) < 3
    assert shop.bytes_per_day == shop.bytes


def test_an_empty_store_has_nothing() -> None:
    found = contents([], [], [[0]])
    assert (found.rows, found.services, found.days, found.columns) == (0, [], [], [])


def test_a_service_without_a_message_takes_nothing() -> None:
    found = contents([["", "2026-11-30", 3, 0]], [["Body", 10, 100], ["Words", 0, 0]], [[50]])
    assert found.services == [
        Service(service="", rows=3, message_bytes=0, share=0.0, bytes=0, bytes_per_day=0),
    ]
    assert [(one.column, one.ratio) for one in found.columns] == [("Body", 10)]


def test_a_file_with_two_names_takes_its_blocks_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    empty = allocated(tmp_path) - (tmp_path / "a").stat().st_blocks * 512
    (tmp_path / "inside").mkdir()
    inside = (tmp_path / "inside").stat().st_blocks * 512
    (tmp_path / "inside" / "b").hardlink_to(tmp_path / "a")
    assert allocated(tmp_path) == empty + inside + (tmp_path / "a").stat().st_blocks * 512
    assert allocated(tmp_path / "nowhere") == 0

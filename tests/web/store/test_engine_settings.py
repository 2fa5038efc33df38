"""What logpost sets of the engine is known to it, is in force, and stands in the docs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost_web.store.engine_settings import INSERT, STATEMENT
from logpost_web.store.store import Store

PAGE = (Path(__file__).parents[3] / "docs" / "store.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(StoreConfig(), tmp_path_factory.mktemp("store"))
    yield store
    store.close()


def in_force(store: Store) -> dict[str, str]:
    return {str(name): str(value) for name, value in store.query("SELECT name, value FROM system.settings").rows}


def test_the_engine_knows_each_setting(store: Store) -> None:
    assert (STATEMENT.keys() | INSERT.keys()) - in_force(store).keys() == set()


def test_each_statement_has_its_settings(store: Store) -> None:
    found = in_force(store)
    assert {name: found[name] for name in STATEMENT} == {name: str(value) for name, value in STATEMENT.items()}


def test_no_other_overflow_mode_gives_a_part_for_the_whole(store: Store) -> None:
    modes = {name: value for name, value in in_force(store).items() if "overflow_mode" in name}
    assert {name for name, value in modes.items() if value != "throw"} == set()
    assert modes.keys() <= STATEMENT.keys()


def test_docs_name_each_setting() -> None:
    assert [name for name in (*STATEMENT, *INSERT) if f"`{name}`" not in PAGE] == []

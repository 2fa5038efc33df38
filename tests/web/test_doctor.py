"""Whether this release can use a store, by the versions that its files name, as `logpost doctor` asks."""

import json
from pathlib import Path

from logpost.config import Config, StoreConfig
from logpost_web.doctor import data_versions
from logpost_web.store.schema import TABLE, VERSION, version_comment


def said(store: Path, *, engine: str = "", layout: int = VERSION) -> str:
    (store / "metadata" / "default").mkdir(parents=True)
    (store / "metadata" / "default" / f"{TABLE}.sql").write_text(f"… COMMENT '{version_comment(layout)}'")
    if engine:
        (store / "version.json").write_text(json.dumps({"engine": engine}))
    return data_versions(Config(store=StoreConfig(url=f"chdb://{store}")))


def test_what_is_not_there_elsewhere_or_ours_is_well(tmp_path: Path) -> None:
    assert data_versions(Config(data=str(tmp_path))) == ""
    assert data_versions(Config(data=str(tmp_path), store=StoreConfig(url="clickhouse://u@h/d"))) == ""
    assert said(tmp_path / "ours", engine="26.9.9.9") == ""


def test_a_newer_engine_and_a_newer_layout_are_named(tmp_path: Path) -> None:
    assert "was written by ClickHouse 99.1.0.0" in said(tmp_path / "engine", engine="99.1.0.0")
    assert f"has layout {VERSION + 1}, made by a newer logpost" in said(tmp_path / "layout", layout=VERSION + 1)

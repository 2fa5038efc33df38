"""Whether this release can use a broker's files, by their metadata, as `logpost doctor` asks."""

from pathlib import Path

from logpost.config import Config
from logpost_broker.doctor import data_versions


def said(data: Path, metadata: str | None) -> str:
    (data / "broker").mkdir(parents=True)
    if metadata is not None:
        (data / "broker" / "metadata.json").write_text(metadata)
    return data_versions(Config(data=str(data)))


def test_what_is_not_there_or_ours_is_well(tmp_path: Path) -> None:
    assert said(tmp_path / "none", None) == ""
    assert said(tmp_path / "ours", '{"version": 1, "cluster_id": "x"}') == ""


def test_a_newer_release_and_damage_are_named(tmp_path: Path) -> None:
    assert "metadata.json has version 99, this logpost knows 1" in said(tmp_path / "newer", '{"version": 99}')
    assert "cannot understand" in said(tmp_path / "damaged", "{")

"""The same as importlib.metadata says."""

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from logpost import installed


@pytest.fixture(autouse=True)
def looked_up_again() -> Iterator[None]:
    installed._metadata.cache_clear()
    yield
    installed._metadata.cache_clear()


def test_version() -> None:
    assert installed.version() == metadata.version("logpost")


@pytest.mark.parametrize("group", ["logpost.commands", "logpost.doctor", "none"])
def test_entry_points(group: str) -> None:
    found = installed.entry_points(group)
    assert found == {each.name: each.value for each in metadata.entry_points(group=group)}
    assert list(found) == sorted(found)


def test_what_an_entry_point_names() -> None:
    assert installed.imported("logpost.installed:imported") is installed.imported


def test_an_installation_that_is_no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an archive, which only importlib.metadata looks into."""
    monkeypatch.setattr(installed, "SUFFIX", ".none")
    test_version()
    test_entry_points("logpost.commands")


def test_the_first_on_the_path_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("a/logpost-2.0rc1.dist-info", "b/logpost-1.0.dist-info", "a/logpost_plugin-3.dist-info"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "entry_points.txt").write_text("[other]\nx = y:z\n[logpost.commands]\n\nup = m:f\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "none"), str(tmp_path / "a"), str(tmp_path / "b")])
    assert installed.version() == "2.0rc1"
    assert installed.entry_points("logpost.commands") == {"up": "m:f"}

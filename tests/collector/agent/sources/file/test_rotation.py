"""Names that rotation gives, and what is found by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost.agent.sources.file.beside import Beside
from logpost.agent.sources.file.rotation import originals


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("app.log.1", "app.log"),
        ("app.log.12.gz", "app.log"),
        ("app.log.gz", "app.log"),
        ("app.log-20261128", "app.log"),
        ("app.log-2026-11-28.xz", "app.log"),
        ("app.log.2026-11-28_10", "app.log"),
        ("0.log.20261128-101112", "0.log"),
        ("app-2026-11-28.log", "app.log"),
        ("app.1.log.zst", "app.log"),
        ("node-1.2", "node-1"),
        ("syslog.1", "syslog"),
    ],
)
def test_a_rotated_file_names_its_log(name: str, original: str) -> None:
    assert f"/var/log/{original}" in list(originals(f"/var/log/{name}"))


@pytest.mark.parametrize("name", ["app.log", "backup-1.log.swp", "access.log", "1.log", "error-log"])
def test_other_names_name_none(name: str) -> None:
    assert list(originals(f"/var/log/{name}")) == []


def test_one_backup_is_not_made_of_another() -> None:
    assert list(originals("backup-2.log")) == ["backup.log"]


def test_files_beside_a_log_are_found_by_inode_and_by_name(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "a.log.2.gz", "b.txt"):
        (tmp_path / name).touch()
    beside = Beside(tmp_path)
    assert beside.of_inode((tmp_path / "a.log.2.gz").stat().st_ino) == [tmp_path / "a.log.2.gz"]
    assert next(beside.copies([tmp_path / "a.log"])) == tmp_path / "a.log.1"
    assert {path.name for path in beside.copies([tmp_path / "a.log"])} == {"a.log", "a.log.1", "b.txt"}
    assert list(Beside(tmp_path / "gone").copies([tmp_path / "gone" / "a.log"])) == []

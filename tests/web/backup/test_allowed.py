"""A web that runs restores what its operator allows, whatever a client names."""

from pathlib import Path

import pytest

from logpost.backup.listing import BackupError
from logpost_web.backup.allowed import allowing, check


def test_a_directory_below_the_setting_and_no_other(tmp_path: Path) -> None:
    backups, other = tmp_path / "backups", tmp_path / "other"
    for one in (backups / "monday", other, tmp_path / "backups-old"):
        one.mkdir(parents=True)
    (backups / "link").symlink_to(other)
    (backups / "circle").symlink_to("circle")
    for allowed in (backups, backups / "monday", backups / "monday" / ".." / "monday", backups / "none"):
        check(tmp_path, str(backups), allowed)
    for one in (
        other,
        backups / "link",
        backups / ".." / "other",
        tmp_path / "backups-old",
        Path("/"),
        Path("/proc/1"),
    ):
        with pytest.raises(BackupError, match=r"is not below store.backups \(/.*put the backup there, or run `logpost"):
            check(tmp_path, str(backups), one)
        with pytest.raises(BackupError, match="which is not set"):
            check(tmp_path, "", one)
    with pytest.raises(BackupError):
        check(tmp_path, "", backups / "circle")


def test_what_the_command_names_as_long_as_it_waits(tmp_path: Path) -> None:
    with allowing(tmp_path, tmp_path / "other"):
        check(tmp_path, "", tmp_path / "other")
        with pytest.raises(BackupError):
            check(tmp_path, "", tmp_path)
    with pytest.raises(BackupError):
        check(tmp_path, "", tmp_path / "other")
    assert list(tmp_path.iterdir()) == []

from pathlib import Path

from logpost_web.backup.known import FILE, Known, backups, begun, ended


def test_a_directory_holds_the_backup_before_until_the_next_is_whole(tmp_path: Path) -> None:
    assert backups(tmp_path) == []
    begun(tmp_path, "/b", "1")
    ended(tmp_path, "/b", "1")
    begun(tmp_path, "/other", "2")
    for moment in ("3", "4"):  # the first of these was killed
        begun(tmp_path, "/b", moment)
    first, other = Known(directory="/b", made="1", is_whole=True), Known(directory="/other", made="2", is_whole=False)
    assert backups(tmp_path) == [first, other, Known(directory="/b", made="4", is_whole=False)]
    ended(tmp_path, "/b", "4")
    assert backups(tmp_path) == [other, Known(directory="/b", made="4", is_whole=True)]
    (tmp_path / FILE).write_text("{")
    assert backups(tmp_path) == []

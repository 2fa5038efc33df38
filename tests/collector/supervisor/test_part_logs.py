"""What parts say goes to a file for each; a disk that is full is said once."""

from pathlib import Path

import pytest

from logpost.supervisor.part_logs import PartLogs


def test_each_part_has_its_file(tmp_path: Path) -> None:
    logs = PartLogs(tmp_path)
    logs.write("web", "one")
    logs.write("broker", "two")
    logs.write("web", "three")
    logs.close()
    assert (tmp_path / "web.log").read_text() == "one\nthree\n"
    assert (tmp_path / "broker.log").read_text() == "two\n"


def test_a_full_disk_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web.log").symlink_to("/dev/full")
    logs = PartLogs(tmp_path)
    for number in range(5):
        logs.write("web", f"line {number}")
    logs.close()
    assert capsys.readouterr().err == f"{tmp_path}/web.log cannot be written: No space left on device\n"

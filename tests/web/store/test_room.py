"""A full or read-only disk is said."""

import os
import subprocess
from pathlib import Path

import pytest

from logpost_web.store.room import problems


def test_a_directory_that_can_be_written_to_has_no_problem(tmp_path: Path) -> None:
    assert list(problems(tmp_path)) == []


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    [problem] = problems(tmp_path / "gone")
    assert str(tmp_path / "gone") in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
@pytest.mark.parametrize(
    ("options", "says"), [("size=1m", "is full"), ("size=64m,nr_inodes=1", "no inode"), ("size=64m,ro", "read-only")]
)
def test_a_disk_that_takes_nothing_is_said(tmp_path: Path, options: str, says: str) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        [problem] = problems(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert says in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="attributes of files take root")
def test_a_directory_that_takes_nothing_on_a_disk_that_would_is_said(tmp_path: Path) -> None:
    """As a file system that met an error, and still says that it can be written to."""
    if subprocess.run(["chattr", "+i", tmp_path], check=False).returncode:
        pytest.skip("this file system knows no such attribute")
    try:
        [problem] = problems(tmp_path)
    finally:
        subprocess.run(["chattr", "-i", tmp_path], check=True)
    assert "takes nothing" in problem
    assert list(problems(tmp_path)) == []
    assert not list(tmp_path.iterdir())

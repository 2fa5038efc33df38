"""A full or read-only disk is said."""

import os
import subprocess
from pathlib import Path

import pytest

from logpost_web.store.room import (
    LEAST_RESERVE_BYTES,
    RESERVE,
    RESERVE_BYTES,
    RESERVE_FILES,
    keep_reserve,
    problems,
    release_if_full,
    release_reserve,
    reserve,
)


def test_a_directory_that_can_be_written_to_has_no_problem(tmp_path: Path) -> None:
    assert list(problems(tmp_path, 0)) == []


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    [problem] = problems(tmp_path / "gone", 0)
    assert str(tmp_path / "gone") in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
@pytest.mark.parametrize(
    ("options", "says"), [("size=1m", "is full"), ("size=64m,nr_inodes=1", "no inode"), ("size=64m,ro", "read-only")]
)
def test_a_disk_that_takes_nothing_is_said(tmp_path: Path, options: str, says: str) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        [problem] = problems(tmp_path, 0)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert says in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="attributes of files take root")
def test_a_directory_that_takes_nothing_on_a_disk_that_would_is_said(tmp_path: Path) -> None:
    """As a file system that met an error, and still says that it can be written to."""
    if subprocess.run(["chattr", "+i", tmp_path], check=False).returncode:
        pytest.skip("this file system knows no such attribute")
    try:
        [problem] = problems(tmp_path, 0)
    finally:
        subprocess.run(["chattr", "-i", tmp_path], check=True)
    assert "takes nothing" in problem
    assert list(problems(tmp_path, 0)) == []
    assert not list(tmp_path.iterdir())


GIB = 1024**3


@pytest.mark.parametrize(
    ("wanted", "total", "kept"),
    [
        (2 * GIB, 1000 * GIB, 2 * GIB),
        (2 * GIB, 10 * GIB, GIB),
        (0, 10 * GIB, LEAST_RESERVE_BYTES),
        (2 * GIB, GIB // 5, GIB // 50),
    ],
)
def test_what_is_kept_free(wanted: int, total: int, kept: int) -> None:
    assert reserve(wanted, total) == kept


def test_what_keeps_room_back_comes_and_goes(tmp_path: Path) -> None:
    for _ in range(2):
        keep_reserve(tmp_path)
        files = list((tmp_path / RESERVE).iterdir())
        assert sum(file.stat().st_blocks * 512 for file in files) >= RESERVE_BYTES
        assert len(files) == RESERVE_FILES
    release_if_full(tmp_path)
    assert (tmp_path / RESERVE).exists()
    for _ in range(2):
        release_reserve(tmp_path)
        assert list(tmp_path.iterdir()) == []

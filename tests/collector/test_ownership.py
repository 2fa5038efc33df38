"""What another user has left where it keeps us from starting: named with what mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from logpost.errors import StartError
from logpost.ownership import mended, refused, remedy
from tests.support.processes import Part, run
from tests.web.indexer.test_away import Box

SOMEBODY = 54_321
AS_ANY_USER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Runs a command without root's right to read everything."""
PROGRAM = (
    "import sys; from pathlib import Path; from logpost.ownership import refused; print(refused(Path(sys.argv[1])))"
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv of util-linux"
)


def give_away(path: Path) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)
    os.chown(path, SOMEBODY, SOMEBODY)


@needs_root
def test_what_is_in_the_way_is_named_with_what_mends_it(tmp_path: Path) -> None:
    file, folder = tmp_path / "a b", tmp_path / "folder"
    file.touch()
    (folder / "x").mkdir(parents=True)
    for path in (file, folder):
        give_away(path)
    assert mended(file) == f": {file} belongs to another user; as root: chown 0 '{file}'"
    inside = f": {folder} belongs to another user; as root: chown -R 0 {folder}"
    assert mended(folder / "x" / "gone") == inside
    error = StartError("cannot start")
    error.__cause__ = PermissionError(13, "Permission denied", str(folder / "x"))
    assert remedy(error) == inside


def test_nothing_is_said_of_what_is_ours(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert mended(tmp_path / "x") == ""
    assert remedy(PermissionError(13, "Permission denied", str(tmp_path / "x"))) == ""
    assert remedy(FileNotFoundError(2, "No such file", str(tmp_path / "x"))) == remedy(None) == ""
    (tmp_path / "link").symlink_to("nowhere")  # as the engine's lead to what was removed
    assert refused(tmp_path) is None


@needs_root
def test_a_directory_that_may_not_be_changed_is_one_of_another_user(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir(mode=0o500)
    (tmp_path / "theirs").mkdir()
    command = [*AS_ANY_USER, sys.executable, "-c", PROGRAM, str(tmp_path)]
    assert subprocess.check_output(command, text=True) == "None\n"
    os.chown(tmp_path / "theirs", SOMEBODY, SOMEBODY)
    assert subprocess.check_output(command, text=True) == f"{tmp_path}/theirs\n"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box that had some lines, each part of which runs as any user would."""
    box = Box(tmp_path_factory.mktemp("box"))
    log = box.data.parent / "app.log"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    config = box.data.parent / "agent.toml"
    config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n')
    settings = {"kafka.bootstrap_servers": box.bootstrap_servers, "agent.metrics_port": 0}
    with (
        box.broker.start(),
        box.web.start(),
        Part("agent", "--config", str(config), "--data", str(box.data), settings=settings).start(),
    ):
        box.await_total(30, 120)
    for part in (box.broker, box.web):
        part.inside = AS_ANY_USER
    return box


@needs_root
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("broker", "broker/metadata.json"),  # and so every file that is read at each start
        ("broker", "broker/__consumer_offsets-0/*.log"),
        ("web", "store/clickhouse"),
        ("web", "store/clickhouse/store/*/*/0-*_*"),
        ("web", "store/clickhouse/store/*/*/0-*_*/columns.txt"),
    ],
)
def test_a_part_that_may_not_read_its_data_says_what_mends_it_and_touches_nothing(
    stopped: Box, name: str, pattern: str, tmp_path: Path
) -> None:
    path = sorted(stopped.data.glob(pattern))[-1]
    was = path.stat()
    give_away(path)
    part = getattr(stopped, name)
    try:
        with pytest.raises(AssertionError, match="no line with 'ready'"):
            part.start()
    finally:
        os.chown(path, was.st_uid, was.st_gid)
        path.chmod(was.st_mode & 0o7777)
    mends = f"{path} belongs to another user; as root: chown {'-R ' if path.is_dir() else ''}0 {path}"
    assert [line.startswith("logpost: cannot ") and line.endswith(mends) for line in part.lines] == [True, False]


@needs_root
def test_a_partition_that_may_not_be_read_is_named_and_the_others_are_served(stopped: Box) -> None:
    [path] = (path for path in stopped.data.glob("broker/logs-*/*.log") if path.stat().st_size)
    give_away(path)
    try:
        with stopped.broker.start(), stopped.web.start():
            named = f"{path.parent.name} cannot be used: {path}: Permission denied: {path} belongs to another user"
            stopped.broker.await_line(named)
            stopped.web.await_line("KAFKA_STORAGE_ERROR")
    finally:
        os.chown(path, 0, 0)


@needs_root
def test_a_store_of_which_a_file_may_not_be_read_any_more_keeps_all_rows(stopped: Box) -> None:
    """Damage would be set aside, and filled again from the topic, which may have its records no more."""
    [path] = stopped.data.glob("store/clickhouse/store/*/*/0-*_*/data.bin")
    with stopped.broker.start(), stopped.web.start():
        stopped.await_total(30, 60)
        give_away(path)
        try:
            with pytest.raises(urllib.error.HTTPError) as raised:
                stopped.get("/api/search", start="1970-01-01T00:00:00Z", q="*ine*")
            assert "Permission denied" in json.load(raised.value)["error"]["message"]
            asked = run("store", "check", "--data", str(stopped.data), environment=stopped.web.environment)
            assert (asked.returncode, "cannot be read: " in asked.stderr) == (1, True), asked.stderr
        finally:
            os.chown(path, 0, 0)
        assert len([row for row in stopped.rows() if "line" in row["message"]]) == 30
        assert [line for line in stopped.web.lines if "set aside" in line] == []

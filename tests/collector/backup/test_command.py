"""`logpost backup` and `logpost restore`: what comes back is what was there, and nothing else is taken for a backup or
for a box."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from logpost.backup import owners, saving
from logpost.backup.listing import NAME
from logpost.cli import main
from logpost.errors import StartError
from logpost.service import DirectoryLock


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with what a box may have in it."""
    data = tmp_path / "data"
    for directory in ("agent", "store/clickhouse/store/1", "broker/logs-0", "log", "broker/empty"):
        (data / directory).mkdir(parents=True, mode=0o750)
    (data / "agent" / "positions.json").write_text('{"version": 2, "sources": {}}')
    (data / "store" / "clickhouse" / "link").symlink_to("store/1")
    (data / "store" / "clickhouse" / "gone").symlink_to("nowhere")
    (data / "store" / "clickhouse" / "store" / "1" / "a b ü.bin").write_bytes(os.urandom(3_000_000))
    with (data / "broker" / "logs-0" / "0.index").open("wb") as index:
        index.truncate(10_000_000)  # sparse, as the broker makes it
        index.seek(5_000_000)
        index.write(b"x")
    (data / "broker" / "logs-0" / "0.log").write_bytes(b"batch")
    (data / "broker" / "logs-0" / "0.log").chmod(0o600)
    os.utime(data / "broker" / "logs-0" / "0.log", ns=(1, 1_600_000_000_123_456_789))
    (data / "log" / "up.log").write_text("said\n")
    for part in ("agent", "store", "broker", "log"):
        (data / part / "lock").write_text("1\n")
    return data


def tree(directory: Path) -> dict[str, tuple[object, ...]]:
    """All that is there but for locks, and what of it must come back."""
    found: dict[str, tuple[object, ...]] = {}
    for path in directory.rglob("*"):
        if path.name == "lock":
            continue
        one = path.lstat()
        content: object = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        kept = (0, 0) if path.is_symlink() or path.is_dir() else (one.st_mtime_ns, one.st_uid)
        found[str(path.relative_to(directory))] = (stat.S_IFMT(one.st_mode), one.st_mode & 0o777, content, kept)
    return found


def logpost(*arguments: str | Path, data: Path) -> tuple[int, str]:
    """Exit status, and what it said is wrong."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main([*(str(one) for one in arguments), "--data", str(data)])
    return status, said.getvalue()


def test_what_is_restored_is_what_was_there(data: Path, tmp_path: Path) -> None:
    before = tree(data)
    backup, other = tmp_path / "backup", tmp_path / "other" / "data"
    assert logpost("backup", backup, data=data) == (0, "")
    assert backup.joinpath(NAME).stat().st_mode & 0o777 == 0o600
    copied = backup / "data" / "broker" / "logs-0" / "0.index"
    assert copied.stat().st_blocks * 512 < 2_000_000
    assert logpost("restore", backup, data=other) == (0, "")
    assert tree(other) == before == tree(data)
    assert not (other / "restoring").exists()


def test_a_part_on_another_disk_is_copied_too(data: Path, tmp_path: Path) -> None:
    before = tree(data)
    shutil.move(data / "broker", tmp_path / "disk")
    (data / "broker").symlink_to(tmp_path / "disk")
    assert logpost("backup", tmp_path / "backup", data=data) == (0, "")
    assert logpost("restore", tmp_path / "backup", data=tmp_path / "other") == (0, "")
    assert tree(tmp_path / "other") == before


def refusal(*arguments: str | Path, data: Path) -> str:
    """The one line that says why not; nothing has changed at `data`."""
    before = tree(data) if data.exists() else {}
    status, said = logpost(*arguments, data=data)
    assert (status, said[:9], said.count("\n")) == (1, "logpost: ", 1)
    assert (tree(data) if data.exists() else {}) == before
    return said


def test_backups_that_cannot_be_made(data: Path, tmp_path: Path) -> None:
    assert f"{data}/backup is in the data directory" in refusal("backup", data / "backup", data=data)
    assert "is no data directory of logpost" in refusal("backup", tmp_path / "backup", data=tmp_path / "nothing")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    assert "is not empty: name a new directory" in refusal("backup", tmp_path / "full", data=data)
    assert "is no directory" in refusal("backup", tmp_path / "full" / "x", data=data)
    lock = DirectoryLock(data / "broker")
    said = refusal("backup", tmp_path / "backup", data=data)
    lock.release()
    assert f"broker is in use by process {os.getpid()}: stop it first" in said
    assert not (tmp_path / "backup").exists()
    name = os.fsdecode(b"caf\xe9")
    (data / name).write_text("")
    assert "is not UTF-8" in refusal("backup", tmp_path / "backup", data=data)


@pytest.fixture
def backup(data: Path, tmp_path: Path) -> Path:
    saving.save(data, tmp_path / "backup", io.StringIO())
    return tmp_path / "backup"


def change(backup: Path, what: str) -> None:
    file = backup / "data" / "broker" / "logs-0" / "0.log"
    listing = json.loads((backup / NAME).read_text())
    lists = {
        "a damaged list": "{",
        "a newer release": json.dumps(listing | {"release": "99.0"}),
        "a newer format": json.dumps({"format": 99}),
        "a path that leads out": json.dumps(listing | {"entries": [listing["entries"][0] | {"path": "../x"}]}),
    }
    contents = {"a file of the same size": "chtab", "a file that has grown": "batch, batch"}
    if what in lists:
        (backup / NAME).write_text(lists[what])
    elif what in contents:
        file.write_text(contents[what])
    elif what == "no list":
        (backup / NAME).unlink()
    elif what == "a missing file":
        file.unlink()
    elif what == "an extra file":
        file.with_name("1.log").write_text("")
    else:
        link = backup / "data" / "store" / "clickhouse" / "link"
        link.unlink()
        link.symlink_to("/etc")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no list", "is no backup: it has no backup.json: it was interrupted"),
        ("a damaged list", "its backup.json is damaged"),
        ("a missing file", "broker/logs-0/0.log is missing"),
        ("an extra file", "broker/logs-0/1.log is not in its list"),
        ("a file of the same size", "broker/logs-0/0.log has changed"),
        ("a file that has grown", "broker/logs-0/0.log has 12 bytes, and had 5"),
        ("a link that leads elsewhere", "store/clickhouse/link leads elsewhere"),
        ("a newer release", "it was made by logpost 99.0"),
        ("a newer format", "its format 99 is of a newer logpost"),
        ("a path that leads out", "is no path in a data directory"),
    ],
)
def test_backups_that_are_not_restored(what: str, said: str, backup: Path, tmp_path: Path) -> None:
    change(backup, what)
    assert said in refusal("restore", backup, data=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_backup_is_not_put_over_data_nor_below_a_box_that_runs(backup: Path, data: Path, tmp_path: Path) -> None:
    assert f"{data} holds data" in refusal("restore", backup, data=data)
    (tmp_path / "new" / "broker").mkdir(parents=True)
    lock = DirectoryLock(tmp_path / "new" / "broker")
    assert "is in use by process" in refusal("restore", backup, data=tmp_path / "new")
    lock.release()
    assert "are one in the other" in refusal("restore", backup, data=backup / "data")
    assert "there is no such directory" in refusal("restore", tmp_path / "typo", data=tmp_path / "new")
    assert logpost("restore", backup, data=tmp_path / "new") == (0, "")  # only a lock was there


def with_small_files(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """It may write files of 1 MB at most, so that it fails halfway as on a full disk."""
    command = [sys.executable, "-m", "logpost", *(str(one) for one in arguments)]
    limited = ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", *command]
    return subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)


def test_a_backup_that_fails_leaves_nothing(data: Path, tmp_path: Path) -> None:
    ended = with_small_files("backup", tmp_path / "backup", "--data", data)
    assert (ended.returncode, "a b ü.bin to" in ended.stderr, ended.stderr.count("\n")) == (1, True, 1)
    assert list((tmp_path / "backup").iterdir()) == []


def test_a_restore_that_is_interrupted_is_no_box_until_it_is_done_again(
    backup: Path, data: Path, tmp_path: Path
) -> None:
    before, new = tree(data), tmp_path / "new"
    assert with_small_files("restore", backup, "--data", new).returncode == 1
    for part in ("broker", "store", "agent", "log"):
        with pytest.raises(StartError, match="`logpost restore` again"):
            DirectoryLock(new / part)
    assert "interrupted" in refusal("backup", tmp_path / "another", data=new)
    assert logpost("restore", backup, data=new) == (0, "")
    assert tree(new) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_get_the_owner_of_the_directory_or_the_one_of_the_same_name(data: Path, tmp_path: Path) -> None:
    log = data / "broker" / "logs-0" / "0.log"
    os.chown(log, 54_321, 54_321)
    os.chown(data / "agent", pwd.getpwnam("nobody").pw_uid, 0)
    listing = saving.save(data, tmp_path / "backup", io.StringIO())
    assert listing.users[pwd.getpwnam("nobody").pw_uid] == "nobody"
    assert logpost("restore", tmp_path / "backup", data=tmp_path / "new") == (0, "")
    assert (tmp_path / "new" / "broker" / "logs-0" / "0.log").stat().st_uid == 54_321
    own = tmp_path / "own"
    own.mkdir()
    os.chown(own, 12_345, 12_345)
    assert logpost("restore", tmp_path / "backup", data=own) == (0, "")
    assert {path.lstat().st_uid for path in own.rglob("*")} == {12_345}
    renumbered = msgspec.structs.replace(listing, users={54_321: "nobody"})
    [entry] = [one for one in listing.entries if one.path == "broker/logs-0/0.log"]
    assert owners.of(tmp_path / "none", renumbered)(entry)[0] == pwd.getpwnam("nobody").pw_uid

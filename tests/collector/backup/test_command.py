"""`logpost backup` and `logpost restore`: what comes back is what was there, and nothing else is taken for a backup or
for a box."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pwd
import shutil
import signal
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
    (tmp_path / "half" / "data").mkdir(parents=True)
    assert "was interrupted: remove it" in refusal("backup", tmp_path / "half", data=data)
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
        file.unlink()
        file.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no list", "is no backup: it has no backup.json: it was interrupted"),
        ("a damaged list", "its backup.json is damaged"),
        ("a missing file", "broker/logs-0/0.log is missing"),
        ("an extra file", "broker/logs-0/1.log is not in its list"),
        ("a file of the same size", "broker/logs-0/0.log has changed"),
        ("a file that has grown", "broker/logs-0/0.log has 12 bytes, and had 5"),
        ("a link in the place of a file", "broker/logs-0/0.log"),
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_is_told_to_end_leaves_nothing(number: signal.Signals, backup: Path, data: Path, tmp_path: Path) -> None:
    """Told so by itself at the first chunk of a file."""
    for arguments, made in (
        (["backup", str(tmp_path / "other"), "--data", str(data)], tmp_path / "other" / "data"),
        (["restore", str(backup), "--data", str(tmp_path / "new")], tmp_path / "new"),
    ):
        script = f"""
import os, signal, sys
from logpost.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what runs in the background ignore it
def end(event, given):
    if event == "open" and str(given[0]).startswith({str(made)!r}) and given[2] & os.O_WRONLY:
        os.kill(os.getpid(), {int(number)})
sys.addaudithook(end)
sys.exit(main({arguments!r}))
"""
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (128 + number, "")
    assert list((tmp_path / "other").iterdir()) == []
    assert not (tmp_path / "new").exists()


def test_a_restore_that_fails_leaves_no_data_as_before(backup: Path, tmp_path: Path) -> None:
    new, own = tmp_path / "new", tmp_path / "own"
    own.mkdir()
    for data in (new, own):
        ended = with_small_files("restore", backup, "--data", data)
        assert (ended.returncode, "a b ü.bin to" in ended.stderr, ended.stderr.count("\n")) == (1, True, 1)
    assert not new.exists()
    assert list(own.iterdir()) == []


CHANGES = frozenset({"os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.symlink", "os.chmod", "os.utime"})


def killed_at(step: int, *arguments: str | Path) -> bool:
    """Run it in another process, which is killed before it changes what is on the disk for this time; false where it
    ends before that."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = step

    def count(event: str, given: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & os.O_WRONLY):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    with contextlib.redirect_stdout(io.StringIO()):
        os._exit(main([str(one) for one in arguments]))


def test_a_restore_that_is_killed_is_no_box_until_it_is_done_again(tmp_path: Path) -> None:
    data, new = tmp_path / "data", tmp_path / "new"
    for part in ("agent", "broker", "log"):
        (data / part / "x").mkdir(parents=True)
        (data / part / "x" / "file").write_text(part)
    (data / "broker" / "link").symlink_to("x")
    (data / "notes").write_text("of the administrator")
    saving.save(data, tmp_path / "backup", io.StringIO())
    before, steps = tree(data), 0
    while killed_at(steps, "restore", tmp_path / "backup", "--data", new):
        steps += 1
        if (new / "restoring").exists():
            with pytest.raises(StartError, match="`logpost restore` again"):
                DirectoryLock(new / "broker")
            assert "interrupted" in refusal("backup", tmp_path / "another", data=new)
        elif new.exists() and list(new.iterdir()):
            assert tree(new) == before
            shutil.rmtree(new)
        if steps % 4 == 0:
            assert killed_at(steps // 2, "restore", tmp_path / "backup", "--data", new)  # once more, elsewhere
        if (new / "restoring").exists() or not new.exists() or not list(new.iterdir()):
            assert logpost("restore", tmp_path / "backup", data=new) == (0, "")
        assert tree(new) == before
        shutil.rmtree(new)
    assert steps > 20


def test_a_part_that_starts_without_a_lock_to_hold_spoils_the_backup(data: Path, tmp_path: Path) -> None:
    """As after a restore, which makes no locks."""
    (data / "broker" / "lock").unlink()
    script = f"""
import sys
from pathlib import Path
from logpost.cli import main
from logpost.service import DirectoryLock
box = []
def begin(event, given):
    if event == "open" and str(given[0]).endswith("positions.json") and not box:
        box.append(None)
        box[0] = DirectoryLock(Path({str(data)!r}) / "broker")
sys.addaudithook(begin)
sys.exit(main(["backup", {str(tmp_path / "backup")!r}, "--data", {str(data)!r}]))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "broker has been started meanwhile" in ended.stderr) == (1, True), ended.stderr
    assert list((tmp_path / "backup").iterdir()) == []


def test_one_restore_at_a_time(backup: Path, tmp_path: Path) -> None:
    restoring = tmp_path / "new" / "restoring"
    restoring.mkdir(parents=True)
    other = os.open(restoring, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    (restoring / "half").mkdir()
    assert "another restore goes on in" in refusal("restore", backup, data=tmp_path / "new")
    os.close(other)
    assert logpost("restore", backup, data=tmp_path / "new") == (0, "")


def test_a_box_that_starts_while_a_backup_is_checked_keeps_its_data(backup: Path, tmp_path: Path) -> None:
    """In another process: what watches it cannot be taken away."""
    new = tmp_path / "new"
    script = f"""
import sys
from pathlib import Path
from logpost.cli import main
from logpost.service import DirectoryLock
box = []
def begin(event, given):
    if event == "open" and str(given[0]).endswith("positions.json") and not box:
        box.append(None)
        box[0] = DirectoryLock(Path({str(new)!r}) / "broker")
        (box[0].directory / "line").write_text("acknowledged")
sys.addaudithook(begin)
sys.exit(main(["restore", {str(backup)!r}, "--data", {str(new)!r}]))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "broker is in use by process" in ended.stderr) == (1, True), ended.stderr
    assert [str(path.relative_to(new)) for path in sorted(new.rglob("*"))] == ["broker", "broker/line", "broker/lock"]


def test_a_part_that_starts_beside_a_restore_does_not_begin(tmp_path: Path) -> None:
    """It looked before the restore began, and locks after that looked for locks."""
    script = f"""
import sys
from pathlib import Path
from logpost.errors import StartError
from logpost.service import DirectoryLock
data = Path({str(tmp_path)!r})
def begin(event, given):
    if event == "open" and str(given[0]).endswith("lock") and not (data / "restoring").exists():
        (data / "restoring").mkdir()
sys.addaudithook(begin)
try:
    DirectoryLock(data / "broker")
except StartError as error:
    sys.exit("again" in str(error) and 3)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3, ended.stderr


def test_a_part_that_leads_to_another_disk_is_not_taken_away(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "broker").symlink_to(tmp_path / "disk")
    assert "broker leads to another disk: restore without it" in refusal("restore", backup, data=tmp_path / "new")
    assert (tmp_path / "new" / "broker").is_symlink()
    shutil.move(tmp_path / "data" / "broker", tmp_path / "disk" / "broker")
    (tmp_path / "data" / "broker").symlink_to(tmp_path / "disk" / "broker")
    inside = tmp_path / "disk" / "broker" / "backup"
    assert "is in the data directory" in refusal("backup", inside, data=tmp_path / "data")


def test_a_backup_survives_a_copy_that_keeps_no_links_times_and_modes(backup: Path, data: Path, tmp_path: Path) -> None:
    before, copy = tree(data), tmp_path / "copy"
    for path in sorted(backup.rglob("*")):
        place = copy / path.relative_to(backup)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if path.is_dir() else place.write_bytes(path.read_bytes())
    assert logpost("restore", copy, data=tmp_path / "new") == (0, "")
    assert tree(tmp_path / "new") == before


def test_what_a_disk_keeps_for_itself_is_left_alone(data: Path, tmp_path: Path) -> None:
    before, new = tree(data), tmp_path / "new"
    (data / "lost+found").mkdir(mode=0o700)
    (data / "broker" / "lost+found").mkdir(mode=0o700)
    assert logpost("backup", tmp_path / "backup", data=data) == (0, "")
    (new / "lost+found").mkdir(parents=True)
    inode = (new / "lost+found").stat().st_ino
    assert logpost("restore", tmp_path / "backup", data=new) == (0, "")
    assert (new / "lost+found").stat().st_ino == inode
    (new / "lost+found").rmdir()
    assert tree(new) == before


def test_a_directory_of_many_users_is_so_again(data: Path, tmp_path: Path) -> None:
    data.chmod(0o755)
    saving.save(data, tmp_path / "backup", io.StringIO())
    assert logpost("restore", tmp_path / "backup", data=tmp_path / "new") == (0, "")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755


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

"""What long-running commands share: locks, who may read, hangups, the end with the supervisor."""

import errno
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost import service
from logpost.errors import StartError
from logpost.service import DirectoryLock, keep_private, on_stop
from logpost.systemd.notices import Notices
from tests.support.processes import run


def test_a_directory_is_held_by_one_process(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "broker")
    with pytest.raises(StartError, match=f"broker is in use by process {os.getpid()}: stop it first"):
        DirectoryLock(tmp_path / "broker")
    lock.release()
    DirectoryLock(tmp_path / "broker").release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot write the data directory .*file/broker"):
        DirectoryLock(tmp_path / "file" / "broker")


@pytest.mark.parametrize("is_unit", [True, False])
def test_a_directory_that_the_unit_keeps_closed_is_named_with_what_opens_it(
    is_unit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    if is_unit:
        monkeypatch.setenv("INVOCATION_ID", "1")
    with pytest.raises(StartError) as raised:
        DirectoryLock(Path("/srv/logpost/broker"))
    said = "cannot write the data directory /srv/logpost/broker: Read-only file system"
    remedy = ": its unit has ProtectSystem=strict; `systemctl edit` it and set ReadWritePaths=/srv/logpost in [Service]"
    assert str(raised.value) == said + (remedy if is_unit else "")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_leaves_nothing_in_a_directory_of_another_user(tmp_path: Path, umask: None) -> None:
    directory = tmp_path / "agent"
    directory.mkdir()
    os.chown(directory, 65_534, 65_534)
    name = pwd.getpwuid(65_534).pw_name
    with pytest.raises(StartError, match=rf"agent belongs to {name}, not to root: `runuser -u {name} -- logpost"):
        keep_private(tmp_path, "agent")
    assert list(directory.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("command", [["agent", "--host-logs"], ["broker"], ["web"], ["up"]])
def test_root_begins_nothing_in_a_data_directory_of_another_user(command: list[str], tmp_path: Path) -> None:
    os.chown(tmp_path, 65_534, 65_534)
    ended = run(*command, "--data", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert f"{tmp_path} belongs to " in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_data_directory_with_parts_of_another_user_stays_open_to_it(tmp_path: Path, umask: None) -> None:
    (tmp_path / "agent").mkdir()
    os.chown(tmp_path / "agent", 65_534, 65_534)
    tmp_path.chmod(0o755)
    keep_private(tmp_path, "broker")
    assert modes(tmp_path)[tmp_path.name] == "755"


def test_a_child_stops_when_its_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own handlers
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stopped = threading.Event()
    on_stop(stopped.set, Notices(supervisor=theirs))
    assert not stopped.is_set()
    ours.close()
    assert stopped.wait(60)
    theirs.close()


@pytest.fixture
def umask() -> Iterator[None]:
    """Of this process, as it was."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    return {path.name: f"{path.lstat().st_mode & 0o7777:o}" for path in (directory, *directory.rglob("*"))}


def test_what_is_made_in_the_data_directory_is_not_for_others(tmp_path: Path, umask: None) -> None:
    keep_private(tmp_path / "data", "broker")
    DirectoryLock(tmp_path / "data" / "broker").release()
    assert modes(tmp_path / "data") == {"data": "750", "broker": "750", "lock": "640"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_makes_the_directory_of_the_units_as_systemd_does(
    tmp_path: Path, umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no unit could start there, since their users are not root."""
    data = tmp_path / "data"
    monkeypatch.setattr(service, "SYSTEM_DATA", data)
    for _ in range(2):
        keep_private(data, "broker")
        DirectoryLock(data / "broker").release()
        assert modes(data) == {"data": "755", "broker": "750", "lock": "640"}
        data.chmod(0o750)


def test_what_an_older_release_made_is_set_right(tmp_path: Path, umask: None) -> None:
    data = tmp_path / "data"
    (data / "store" / "part").mkdir(parents=True)
    (data / "store" / "part" / "file").touch()
    (data / "store" / "strict").touch(0o600)
    (data / "store" / "link").symlink_to(tmp_path)
    data.chmod(0o755)
    keep_private(data, "store")
    found = modes(data)
    del found["link"]
    assert found == {"data": "750", "store": "750", "part": "750", "file": "640", "strict": "600"}


def test_a_directory_that_holds_other_things_is_left_alone(tmp_path: Path, umask: None) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "broker").mkdir()
    keep_private(tmp_path, "broker")
    assert modes(tmp_path) == {tmp_path.name: "755", "home": "755", "broker": "750"}


def test_any_number_of_hangups_is_one_more_reload() -> None:
    script = """
import os, signal, threading, time
from logpost.service import on_hangup
begun, may_end, count = threading.Event(), threading.Event(), []
def reload():
    count.append(None)
    begun.set()
    may_end.wait()
on_hangup(reload, lambda: None)
for _ in range(1000):
    os.kill(os.getpid(), signal.SIGHUP)
begun.wait()
assert threading.active_count() == 2, threading.enumerate()
before = len(count)
os.kill(os.getpid(), signal.SIGHUP)
os.kill(os.getpid(), signal.SIGHUP)
may_end.set()
while len(count) == before:
    time.sleep(0.001)
print(before, len(count))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (said.stdout, said.stderr) == ("1 2\n", "")


LOG_LINES = """
import logging
from logpost.cli import main
from logpost.service import start_logging

start_logging("agent", "warning")
logging.getLogger("agent").info("not said")
logging.getLogger("agent").warning("one\\ntwo")
main(["agent", "--config", "/nowhere"])
"""


def test_where_stderr_leads_to_the_journal_lines_have_priorities(tmp_path: Path) -> None:
    """As systemd connects it; where no journal takes them they go to stderr."""
    with (tmp_path / "stream").open("wb") as stream:
        found = os.fstat(stream.fileno())
        environment = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        subprocess.run([sys.executable, "-c", LOG_LINES], stderr=stream, env=environment, timeout=60, check=True)
    said = (tmp_path / "stream").read_text()
    assert said.startswith("<4>one\n<4>two\n<3>logpost: cannot read the configuration /nowhere")

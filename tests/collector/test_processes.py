"""Who runs, as `/proc` says, without taking a lock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from logpost.processes import holder, opened, process, running, started_at, unknown, used, user_name
from logpost.service import DirectoryLock


def test_who_holds_a_lock_is_known_until_it_is_released(tmp_path: Path) -> None:
    assert running(tmp_path) == {"up": None, "broker": None, "web": None, "agent": None}
    lock = DirectoryLock(tmp_path / "store")
    assert running(tmp_path) == {"up": None, "broker": None, "web": os.getpid(), "agent": None}
    assert used(tmp_path) == {"web"}
    assert unknown(tmp_path) == frozenset[str]()
    lock.release()
    assert holder(tmp_path / "store" / "lock") is None  # the number in it is that of a process that lives


def test_what_a_process_is() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = process(child.pid)
        assert found is not None
        assert (found.pid, found.user) == (child.pid, os.geteuid())
        assert os.getegid() in found.groups
        assert abs(started_at(found) - time.time()) < 600
    assert process(child.pid) is None
    assert process(2**22 + 1) is None


def test_what_a_process_has_open() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        inode = os.fstat(listening.fileno()).st_ino
        assert (os.getpid(), f"socket:[{inode}]") in set(opened())


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(54_321) == "54321"
    assert user_name(0) == "root"

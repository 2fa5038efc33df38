"""What a process says of itself, to systemd and to the supervisor."""

import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from logpost.systemd.notices import SUPERVISOR_FD, Notices, parsed
from tests.support.systemd import NotifySocket


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Listener:
    """The other end of a pair, with what came to it; 20 s of silence are too long for it."""

    def __init__(self) -> None:
        theirs, self.ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        self.clock = Clock()
        self.notices = Notices(theirs, watch_seconds=20, clock=self.clock)

    def heard(self) -> list[dict[str, str]]:
        found = []
        while True:
            try:
                found.append(parsed(self.ours.recv(65536)))
            except BlockingIOError:
                return found


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.notices.close()
    made.ours.close()


def test_systemd_hears_by_the_address_in_the_environment_which_is_then_gone() -> None:
    with NotifySocket(watch_seconds=20) as systemd:
        environment = {**systemd.environment, "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
        notices = Notices.from_environment(environment)
        assert environment == {"HOME": "/"}
        assert (notices.are_heard, notices.watch_seconds, notices.turn_seconds) == (True, 20, 5)
        notices.ready("ready on port 1")
        heard = systemd.await_notice("READY")
        notices.close()
    assert (heard.pid, heard.fields) == (
        os.getpid(),
        {"READY": "1", "STATUS": "ready on port 1", "WATCHDOG": "1"},
    )


def test_an_address_without_a_file_begins_with_an_at() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0logpost-test-{os.getpid()}")
        with closing(Notices.from_environment({"NOTIFY_SOCKET": f"@logpost-test-{os.getpid()}"})) as notices:
            notices.status("x")
        assert listener.recv(100) == b"STATUS=x"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1", "relative"])
def test_nobody_there_is_no_mistake(address: str) -> None:
    notices = Notices.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "5000000"})
    assert not notices.are_heard
    notices.ready("nobody hears it")
    notices.turn()


@pytest.mark.parametrize("of", [{"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "no"}, {}])
def test_the_watchdog_of_another_process_is_not_ours(of: dict[str, str]) -> None:
    assert Notices.from_environment(dict(of)).watch_seconds == math.inf


def test_the_supervisor_hears_by_the_socket_that_it_has_handed_over() -> None:
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {SUPERVISOR_FD: str(theirs.detach()), "NOTIFY_SOCKET": "/run/systemd/notify"}
    notices = Notices.from_environment(environment)
    assert (environment, notices.supervisor is not None) == ({}, True)
    notices.advances("recovering logs: 1 of 2", 90)
    notices.close()
    with ours:
        assert parsed(ours.recv(1000)) == {"EXTEND_TIMEOUT_USEC": "90000000", "STATUS": "recovering logs: 1 of 2"}


def test_turns_are_said_now_and_then(listener: Listener) -> None:
    for _ in range(100):
        listener.notices.turn()
        listener.clock.now += 0.1
    assert listener.heard() == [{"WATCHDOG": "1"}] * 2


def test_a_loop_that_is_late_silences_the_main_one_until_it_turns_again(listener: Listener) -> None:
    loop = listener.notices.loop()
    listener.notices.turn()  # the loop has not begun
    loop.turned()
    listener.clock.now += 9
    listener.notices.turn()
    assert len(listener.heard()) == 2
    listener.clock.now += 9
    listener.notices.turn()
    assert listener.heard() == []
    loop.turned(good_for_seconds=100)
    listener.clock.now += 99
    listener.notices.turn()
    assert len(listener.heard()) == 1
    listener.clock.now += 9
    listener.notices.turn()
    assert listener.heard() == []
    loop.ended()
    listener.notices.turn()
    assert len(listener.heard()) == 1


def test_a_listener_that_hears_nothing_keeps_nobody_from_his_work(listener: Listener) -> None:
    for _ in range(100_000):
        listener.notices.status("x" * 100)


def test_a_listener_that_is_gone_is_no_mistake(listener: Listener) -> None:
    listener.ours.close()
    listener.notices.status("x")


def test_what_a_part_starts_speaks_not_for_it() -> None:
    program = (
        "import os, subprocess, sys; from logpost.systemd.notices import Notices; Notices.from_environment();"
        "print(subprocess.check_output(['env'], text=True))"
    )
    with NotifySocket(watch_seconds=5) as systemd:
        printed = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **systemd.environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "NOTIFY_SOCKET" not in printed and "WATCHDOG" not in printed


def test_a_call_that_waits_for_the_disk_may_take_longer(listener: Listener) -> None:
    with listener.notices.waiting_for_disk():
        assert listener.heard() == [{"WATCHDOG_USEC": "600000000", "WATCHDOG": "1"}]
    assert listener.heard() == [{"WATCHDOG_USEC": "20000000", "WATCHDOG": "1"}]
    with Notices().waiting_for_disk():
        pass

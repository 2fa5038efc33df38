"""A call that says nothing gets on as long as the process does something."""

import socket
import threading

import pytest

from logpost.systemd.notices import Notices, parsed
from logpost.systemd.working import LEAST_BYTES_PER_SECOND, Used, working


@pytest.mark.parametrize(
    ("cpu_seconds", "io_bytes", "has_advanced"),
    [(0.0, 0, False), (0.2, 0, False), (0.3, 0, True), (0.0, 5 * LEAST_BYTES_PER_SECOND, True), (0.1, 4096, False)],
)
def test_idle_threads_are_no_progress(cpu_seconds: float, io_bytes: int, has_advanced: bool) -> None:
    before = Used(at=100.0, cpu_seconds=7.0, io_bytes=10**9)
    now = Used(at=105.0, cpu_seconds=7.0 + cpu_seconds, io_bytes=10**9 + io_bytes)
    assert now.has_advanced(before) is has_advanced


def test_the_listener_is_told_while_the_call_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logpost.systemd.working.LOOK_SECONDS", 0.01)
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0.001)
    with theirs, ours, working(Notices(theirs), "opening"):
        for _ in range(3):
            while not _comes(ours):
                sum(range(10_000))


def _comes(ours: socket.socket) -> bool:
    try:
        notice = parsed(ours.recv(1000))
    except TimeoutError:
        return False
    return notice["STATUS"] == "opening" and int(notice["EXTEND_TIMEOUT_USEC"]) > 0


def test_without_a_listener_no_thread_runs() -> None:
    before = threading.active_count()
    with working(Notices(), "opening"):
        assert threading.active_count() == before

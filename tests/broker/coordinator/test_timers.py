"""Timers on an event loop that is held up: who was heard of in time is not expired."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Hashable

import pytest
import uvloop

from logpost_broker.coordinator import timers
from logpost_broker.coordinator.outcome import CancelTimer, SetTimer
from logpost_broker.coordinator.timers import Timers
from logpost_broker.groups.classic.timer_keys import PendingTimer, SessionTimer

HEARD_OF, SILENT = SessionTimer("g", "heard-of"), SessionTimer("g", "silent")


def hold_up(seconds: float) -> None:
    """A long step of something else that the loop does."""
    time.sleep(seconds)


async def expired_after_a_long_step() -> list[Hashable]:
    """A member sends something before its session ends, and the loop is busy until after the end."""
    loop = asyncio.get_running_loop()
    expired: list[Hashable] = []
    silence = asyncio.Event()

    def expire(key: Hashable) -> None:
        expired.append(key)
        if key == SILENT:
            silence.set()

    def read() -> None:
        ours.recv(1)
        running.arm([CancelTimer(HEARD_OF)], 0)

    running = Timers(expire)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        loop.add_reader(ours, read)
        running.arm([SetTimer(HEARD_OF, 1), SetTimer(SILENT, 2)], 0)
        theirs.send(b"x")
        hold_up(3 * timers.LATE_SECONDS)
        await silence.wait()
        loop.remove_reader(ours)
    return expired


def test_a_delay_of_the_broker_expires_nobody_that_was_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "LATE_SECONDS", 0.05)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(expired_after_a_long_step()) == [SILENT]


def test_a_member_has_one_timer_of_each_class() -> None:
    keys = {SessionTimer("g", "m"), PendingTimer("g", "m"), SessionTimer("g", "m")}
    assert keys == {PendingTimer("g", "m"), SessionTimer("g", "m")}
    assert len(keys) == 2

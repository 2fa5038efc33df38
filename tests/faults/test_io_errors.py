"""A disk that fails one call, or is full for some, at every call of a life: who asked gets the right error, the broker
lives, at most one partition goes offline, and nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from kio.schema.errors import ErrorCode

from logpost.errors import StartError
from logpost_broker.errors import ApiError
from tests.faults.ledger import Crash, served_by
from tests.faults.life import Life, Machines

FULL_FOR_CALLS = 6
STARTS = 20
TAKES_ROOM = frozenset({"write", "torn write", "create", "mkdir"})


@pytest.fixture
def machines() -> Iterator[Machines]:
    machines = Machines("commit")
    yield machines
    machines.close()


@dataclass(slots=True)
class Failure:
    """Fails the calls from number `first` to `last` that `fits`."""

    error: int
    first: int
    last: int
    fits: Callable[[str], bool]
    seen: int = 0
    failed: int = 0

    def __call__(self, call: str) -> None:
        if not self.fits(call):
            return
        self.seen += 1
        if self.first <= self.seen <= self.last:
            self.failed += 1
            raise OSError(self.error, os.strerror(self.error))


def eio(number: int) -> Failure:
    return Failure(errno.EIO, number, number, lambda call: call != "read")


def eio_on_read(number: int) -> Failure:
    return Failure(errno.EIO, number, number, lambda call: call == "read")


def full(number: int) -> Failure:
    return Failure(errno.ENOSPC, number, number + FULL_FOR_CALLS, lambda call: call in TAKES_ROOM)


class Hardship:
    """A life whose operations may be refused with the one right error, and then have not happened."""

    def __init__(self, machines: Machines, failure: Failure) -> None:
        self.life = Life(machines, seed=7)
        self.failure = failure
        self.life.disk.changing = self.life.disk.reading = failure

    def attempt(self, operation: Callable[[], None]) -> None:
        ledger = self.life.ledger
        try:
            operation()
        except ApiError as error:
            assert error.code is ErrorCode.kafka_storage_error
            ledger.doing = ("", "")
            for topic in ledger.topics.values():
                for promise in topic.partitions:
                    promise.appending = None
        if self.life.partitions is not None:
            ledger.observe(self.life.partitions, self.life.loop.time())

    def start(self) -> None:
        """A start that fails is tried again, as a supervisor would."""
        for _ in range(STARTS):
            try:
                # What a sync failed to write is lost with the process: only what was acknowledged has to be there.
                self.life.start(after=Crash.POWER_CUT)
            except (StartError, OSError) as error:
                assert "\n" not in str(error)
            except ApiError as error:
                assert error.code is ErrorCode.kafka_storage_error
            else:
                return
        raise AssertionError("the broker does not start although the disk is well")

    def read(self, name: str) -> None:
        for _ in served_by(self.life.log(name)):
            pass

    def move_start(self, name: str) -> None:
        try:
            self.life.move_start(name)
        except OSError as error:
            raise ApiError(ErrorCode.kafka_storage_error) from error  # as DeleteRecords would

    def live(self) -> None:
        life, attempt = self.life, self.attempt
        self.start()
        for name in ("t", "u"):
            while name not in life.ledger.topics:
                attempt(lambda name=name: life.create(name))  # type: ignore[misc]  # mypy on a default in a lambda
        for number in range(12):
            attempt(lambda number=number: life.append("t", producer=number % 3 - 1, size=900))  # type: ignore[misc]
            attempt(lambda: life.append("u"))
            if number % 4 == 3:
                life.sync()
                attempt(lambda: self.read("t"))
        life.wait(31)
        attempt(lambda: self.move_start("t"))
        attempt(life.take_producer_id)
        attempt(lambda: life.delete("u"))
        attempt(lambda: life.create("v"))
        if "v" in life.ledger.topics:
            attempt(lambda: life.append("v"))
        life.close()
        self.start()
        attempt(lambda: life.append("t", producer=0))
        life.sync()

    def check(self, machines: Machines) -> None:
        """The disk is well again."""
        life = self.life
        life.disk.changing = life.disk.reading = None
        offline = [log for log in life.running().logs if log.offline is not None]
        assert len(offline) <= (self.failure.error == errno.EIO)
        for name in life.ledger.topics:
            if life.log(name) not in offline:
                life.append(name)
                life.sync()
                assert life.promise(name).acked == life.promise(name).end, "no acknowledgement on a disk that is well"
        life.ledger.observe(life.running(), life.loop.time())
        rng = random.Random(self.failure.first)
        for crash in Crash:
            left = life.disk.copy() if crash is Crash.KILL else life.disk.after_power_cut(rng)
            root = machines.calls.mount(left)
            partitions = machines.boot(root)
            ledger = life.ledger.copy()
            # What a sync failed to write is lost with the process as well.
            ledger.check(partitions, Crash.POWER_CUT if offline else crash, rng)
            ledger.settle(partitions)
            ledger.check_going_on(partitions, rng)
            machines.calls.unmount(root)


@pytest.mark.parametrize("failing", [eio, eio_on_read, full])
def test_a_failing_call_costs_what_it_was_asked_for_and_nothing_else(
    machines: Machines, failing: Callable[[int], Failure]
) -> None:
    number = 0
    while True:
        number += 1
        hardship = Hardship(machines, failing(number))
        try:
            hardship.live()
            hardship.check(machines)
        except Exception as error:
            error.add_note(f"with call {number} failing")
            raise
        finally:
            hardship.life.end()
        if not hardship.failure.failed:
            break
    assert number > 50

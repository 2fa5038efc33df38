"""Crash at chosen calls of a life, recover what is left, and hold it against the ledger."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.ledger import Crash, Ledger
from tests.faults.life import Life, Machines

CRASH_POINTS_RUN: Counter[str] = Counter()
"""By kind, over all tests of this run."""
CYCLE = (Crash.KILL, Crash.POWER_CUT, Crash.POWER_CUT, Crash.POWER_CUT)
"""There are many ways to lose power, and one way to be killed."""
RECOVERY_CALLS = 24
"""A crash in a recovery comes within so many of its calls; most have fewer."""

Script = Callable[[Life], None]


@dataclass(frozen=True, slots=True)
class Wreck:
    """What a crash left, and what had been promised then."""

    disk: Disk
    ledger: Ledger
    crash: Crash
    """The worst, of several."""
    kind: str
    crashes_to_come: int = 0


class CrashPoints:
    """Crashes `per_call` times at each call of a life, on the average. The wrecks are looked at afterwards, so that no
    failure gets into the hands of the broker that goes on."""

    def __init__(self, machines: Machines, per_call: float, seed: int) -> None:
        self._machines = machines
        self._per_call = per_call
        self._rng = random.Random(seed)
        self._seen = 0
        self._made = 0
        self._wrecks: list[Wreck] = []

    def called(self, disk: Disk, ledger: Ledger) -> None:
        self._seen += 1
        while self._made < round(self._seen * self._per_call):
            crash = CYCLE[self._made % len(CYCLE)]
            self._made += 1
            self._wreck(disk, ledger.copy(), crash, kind=crash.value, crashes_to_come=1)

    def _wreck(self, disk: Disk, ledger: Ledger, crash: Crash, *, kind: str, crashes_to_come: int = 0) -> None:
        left = self._left_by(disk, crash)
        self._wrecks.append(Wreck(left, ledger, crash, kind, crashes_to_come))

    def _left_by(self, disk: Disk, crash: Crash) -> Disk:
        return disk.copy() if crash is Crash.KILL else disk.after_power_cut(self._rng)

    def check(self) -> None:
        """Recover every wreck."""
        while self._wrecks:
            wreck = self._wrecks.pop()
            CRASH_POINTS_RUN[wreck.kind] += 1
            if wreck.crashes_to_come:
                self._crash_in_recovery(wreck)
            before = wreck.disk.copy()
            root = self._machines.calls.mount(wreck.disk)
            try:
                self._recover(wreck, root)
            except Exception as error:
                error.add_note(f"{wreck.kind} while {wreck.ledger.doing}, left were {before.listing()}")
                error.add_note(wreck.ledger.summary())
                raise
            finally:
                self._machines.calls.unmount(root)

    def _crash_in_recovery(self, wreck: Wreck) -> None:
        """The next crash comes at one of the calls of the recovery from this one."""
        countdown = self._rng.randrange(RECOVERY_CALLS)
        crash = self._rng.choice(CYCLE)
        worst = Crash.POWER_CUT if Crash.POWER_CUT in (crash, wreck.crash) else Crash.KILL

        def called(call: str) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown == -1:
                left = self._left_by(wreck.disk, crash)
                self._wrecks.append(Wreck(left, wreck.ledger, worst, "in recovery"))

        wreck.disk.changing = called

    def _recover(self, wreck: Wreck, root: Path) -> None:
        partitions = self._machines.boot(root)
        wreck.disk.changing = None
        wreck.ledger.check(partitions, wreck.crash, self._rng)
        after = wreck.ledger.copy()
        after.settle(partitions)
        if wreck.crashes_to_come:
            self._wreck(wreck.disk, after.copy(), self._rng.choice(CYCLE), kind="after recovery")
        after.check_going_on(partitions, self._rng)


def sweep(machines: Machines, script: Script, wanted: int, seed: int) -> None:
    """Run `script` once to count its calls, and once more with crashes at them."""
    rehearsal = Life(machines, seed)
    script(rehearsal)
    rehearsal.end()
    points = CrashPoints(machines, wanted / rehearsal.calls_made, seed)
    life = Life(machines, seed, points.called)
    script(life)
    life.end()
    points.check()

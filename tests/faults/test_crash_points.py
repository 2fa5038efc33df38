"""Crashes at every call of a few rich lives: nothing promised is lost, nothing is served twice, nothing corrupt."""

from __future__ import annotations

import pytest

from tests.faults.crashes import Script, sweep
from tests.faults.life import FLUSH_MODES, Machines
from tests.faults.scripts import SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_a_crash_at_any_call_takes_nothing_that_was_promised(
    script: Script, machines: Machines, crash_points: int
) -> None:
    sweep(machines, script, crash_points // (len(SCRIPTS) * len(FLUSH_MODES)), seed=1)

"""A machine that is shut down, or loses its power, and is booted again."""

from __future__ import annotations

import pytest

from trials.booted.machine import Machine
from trials.booted.observing import search, shown, until, write

ORDERLY_SECONDS = 60.0


@pytest.mark.parametrize("end", ["in order", "power cut"])
def test_what_was_written_is_found_after_the_next_boot(end: str, machine: Machine) -> None:
    machine.boot()
    write(machine, "/var/log/app.log", "quokka 0", owner="root:adm", mode="640")
    until(lambda: search(machine, "quokka"), "a line")
    machine.run("for n in $(seq 1 500); do echo quokka $n >>/var/log/app.log; logger wombat $n; done")
    if end == "in order":
        assert machine.shut_down() < ORDERLY_SECONDS
    else:
        machine.run("sync")
        machine.cut_power()
    machine.boot()
    assert shown(machine, "ActiveState") == "active"
    until(lambda: len(search(machine, "quokka")) >= 501 and len(search(machine, "wombat")) >= 500, "all lines")
    assert sorted(search(machine, "quokka")) == sorted(f"quokka {n}" for n in range(501))
    assert sorted(search(machine, "wombat")) == sorted(f"wombat {n}" for n in range(1, 501))

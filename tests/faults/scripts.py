"""Lives worth crashing in: each says what it brings together."""

from __future__ import annotations

from tests.faults.ledger import Crash
from tests.faults.life import Life


def fill(life: Life, name: str, batches: int, partition: int = 0) -> None:
    """Batches of all kinds, synced now and then."""
    for number in range(batches):
        life.append(name, partition, producer=number % 3 - 1, lz4=number % 4 == 0)
        if number % 3 == 2:
            life.append_again(name, partition)
            life.sync()


def segments_and_checkpoints(life: Life) -> None:
    """Segments end, checkpoints are made between them, the log starts over from each."""
    life.start()
    life.create("t", 2)
    fill(life, "t", 12)
    life.checkpoint()
    fill(life, "t", 12)
    life.append("t", 1, size=2000)
    life.checkpoint()
    life.append("t", size=5000)
    life.append("t", size=5000)
    life.hold_syncs()
    fill(life, "t", 2, partition=1)
    life.append("t", size=3000)
    life.sync()
    life.restart()
    fill(life, "t", 4)
    life.crash(Crash.KILL)
    fill(life, "t", 4)
    life.close()


def topics_come_and_go(life: Life) -> None:
    """A name is used by one topic after the other, while syncs of the last one still run."""
    life.start()
    life.take_producer_id()
    life.create("t")
    life.create("other", 2)
    fill(life, "t", 6)
    life.checkpoint()
    life.move_start("t")
    life.append("other", 1)
    life.hold_syncs()
    life.append("t")
    life.delete("t")
    life.create("t")
    life.append("t", producer=1)
    life.sync()
    fill(life, "t", 3)
    life.restart()
    life.delete("t")
    life.sync()
    life.create("t", 3)
    life.append("t", 2, producer=0)
    life.crash(Crash.POWER_CUT)
    fill(life, "t", 3, partition=2)
    life.append("other", 1)
    life.close()


def the_log_start_moves(life: Life) -> None:
    """Records are deleted from the front, segments and all, between restarts of both kinds."""
    life.start()
    life.create("t")
    for _ in range(4):
        fill(life, "t", 9)
        life.sync()
        life.move_start("t")
        life.move_start("t")
    life.checkpoint()
    life.move_start("t")
    life.restart()
    fill(life, "t", 5)
    life.sync()
    life.move_start("t")
    life.crash(Crash.KILL)
    life.move_start("t")
    fill(life, "t", 5)
    life.crash(Crash.POWER_CUT)
    fill(life, "t", 3)
    life.close()


SCRIPTS = (segments_and_checkpoints, topics_come_and_go, the_log_start_moves)

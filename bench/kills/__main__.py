"""kill -9 of the web, 30 times, while lines come, the store is migrated, parts are merged, retention takes lines,
backups are made, sets of lines are deleted, and eight clients search.

    python -m bench.kills [--kills 30] [--seed N] [--lines 20000] [--rate 250] [--brokers] [--freezes] [--disk-mb N]

Prints a line for each kill and a summary; exit status 1 where there is a fault. A seed repeats what is done, not when
each process comes to it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.kills.box import AwayError, Box, RefusedError
from bench.kills.lines import LASTING, TOPIC, Lines
from bench.kills.opened import opened
from bench.kills.signs import under_way
from bench.kills.verdict import judge
from bench.kills.work import Work

KINDS = ("insert", "merge", "migration", "retention", "backup", "deletion", "start", "any")
"""What a kill waits for."""
WAIT_SECONDS = 6.0
"""At most; then it kills whatever goes on."""
MIGRATED_SECONDS = 30.0
"""At most, for a migration to end before a kill that waits for what cannot be meanwhile."""
AFTER_MIGRATION = frozenset({"merge", "retention", "deletion", "any"})
AGE_BEFORE = frozenset({"migration", "start"})
"""The store becomes one of an older layout at the kill before one that waits for these."""
KILLS_A_REBUILD = 10
SECONDS_A_KILL = 11.0
"""About, with the start that follows: by it retention plans its way."""
FROZEN_SECONDS = (1.0, 8.0)
GROUP = "logpost-indexer"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--lines", type=int, default=20_000, help="before the first kill")
    parser.add_argument("--rate", type=float, default=250, help="lines a second")
    parser.add_argument("--brokers", action="store_true", help="every third time kill the broker too")
    parser.add_argument("--freezes", action="store_true", help="between kills stop the web for some seconds (SIGSTOP)")
    parser.add_argument(
        "--disk-mb", type=int, default=0, help="a disk of this size for the store, full from time to time (root)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the directory where there is a fault")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="kills-"))
    status = 1
    try:
        box = Box(directory)
        with small_disk(box.data / "store", options.disk_mb) if options.disk_mb else contextlib.nullcontext():
            status = Run(box, options).run()
    finally:
        if status and options.keep:
            print(f"all is in {directory}")
        else:
            shutil.rmtree(directory)
    return status


class Run:
    def __init__(self, box: Box, options: argparse.Namespace) -> None:
        self.box = box
        self.options = options
        self.chance = random.Random(options.seed)
        self.hit: Counter[str] = Counter()
        self.starts: list[float] = []
        self.begun = time.monotonic()

    def run(self) -> int:
        box, options = self.box, self.options
        seconds = options.kills * SECONDS_A_KILL
        with box.broker.start():
            box.create_topic()
            lines = Lines(box.appliance.bootstrap_servers, random.Random(options.seed + 1), seconds)
            lines.fill(options.lines)
            box.start_web()
            box.appliance.await_total(options.lines)
            self.work = work = Work(box, lines, options.seed, seconds, is_small=bool(options.disk_mb))
            sending = threading.Thread(target=lines.run, args=(options.rate,))
            sending.start()
            work.start()
            try:
                for number in range(options.kills):
                    self.kill(number, lines)
            finally:
                work.stop()
                lines.end()
                sending.join()
            print(f"{options.kills} kills after {time.monotonic() - self.begun:.0f} s; now it is judged", flush=True)
            judge(box, lines, work)
        return self.summary(lines)

    def kind(self, number: int) -> str:
        kinds = [*KINDS]
        random.Random(self.options.seed + number // len(KINDS)).shuffle(kinds)
        return kinds[number % len(KINDS)]

    def kill(self, number: int, lines: Lines) -> None:
        box, chance = self.box, self.chance
        wanted = self.kind(number)
        if self.options.freezes and chance.random() < 0.5:
            self.freeze()
        self.await_sign(wanted)
        box.kill_web()
        found = under_way(box.store) | self.others()
        if self.options.brokers and number % 3 == 2:
            box.broker.kill()
            box.broker.start()
        is_older = self.kind(number + 1) in AGE_BEFORE
        if is_older:
            if not self.options.disk_mb:
                self.trim_topic()
            opened("older", box.data / "store")
        started = box.start_web()
        self.starts.append(started)
        if number % KILLS_A_REBUILD == KILLS_A_REBUILD // 2 and not is_older:
            with contextlib.suppress(AwayError, RefusedError):
                box.ask("POST", "/api/store/rebuild")
        self.hit.update(found or {"nothing"})
        older = "; the store is of layout 3 now" if is_older else ""
        print(
            f"kill {number + 1:2} after {time.monotonic() - self.begun:5.1f} s, waited for {wanted:9}:"
            f" {', '.join(sorted(found)) or 'nothing'}; {lines.count:,} lines sent{older}; up in {started:.1f} s",
            flush=True,
        )

    def others(self) -> set[str]:
        work = self.work
        found = {"retention"} if time.monotonic() - work.retained_at < 2 else set()
        return found | ({"deletion"} if work.asked.keys() - work.erased else set())

    def await_sign(self, wanted: str) -> None:
        box, chance = self.box, self.chance
        if wanted == "start":
            box.kill_web()
            box.web.start(until="")
            time.sleep(chance.uniform(0, 4))
            return
        if wanted in AFTER_MIGRATION:
            self.await_that(lambda: not under_way(box.store) & {"migration", "rebuild"}, MIGRATED_SECONDS)
        time.sleep(chance.uniform(0, 1) if wanted == "migration" else chance.uniform(0.5, 6))
        self.await_that(lambda: wanted in under_way(box.store) | self.others() | {"any"}, WAIT_SECONDS)
        time.sleep(chance.choice((0, 0.02, 0.2)))

    @staticmethod
    def await_that(condition: Callable[[], bool], seconds: float) -> None:
        """At most so long."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.005)

    def freeze(self) -> None:
        self.box.signal_web(signal.SIGSTOP)
        time.sleep(self.chance.uniform(*FROZEN_SECONDS))
        self.box.signal_web(signal.SIGCONT)

    def trim_topic(self) -> None:
        """The records of a partition that are indexed and committed go: the store alone has these lines then."""
        servers = self.box.appliance.bootstrap_servers
        partition = self.chance.randrange(LASTING)
        consumer = Consumer({"bootstrap.servers": servers, "group.id": GROUP})
        [place] = consumer.committed([TopicPartition(TOPIC, partition)], timeout=30)
        consumer.close()
        if place.offset > 0:
            admin = AdminClient({"bootstrap.servers": servers})
            admin.delete_records([place])[place].result()

    def summary(self, lines: Lines) -> int:
        work = self.work
        print(f"{self.options.kills} kills in {time.monotonic() - self.begun:.0f} s, seed {self.options.seed}")
        print(f"  under way at a kill: {_shown(self.hit)}")
        print(
            f"  up again: {sorted(self.starts)[len(self.starts) // 2]:.1f} s, at most {max(self.starts):.1f} s;"
            f" {self.box.refused_starts} starts met a command that had the store open"
        )
        print(f"  lines: {lines.count:,} sent, {len(lines.sent['old']):,} to be taken by retention")
        print(f"  sets deleted: {len(work.erased)} of {lines.closed}; backups: {_shown(work.backup_ends)}")
        print(f"  answers: {_shown(work.answers)}")
        self.box.listen()
        for line, times in self.box.said.most_common():
            print(f"  the web said {times} times: {line}")
        print("  no fault" if not work.faults else f"  {len(work.faults)} FAULTS: {work.faults[0]}", flush=True)
        return 1 if work.faults else 0


def _shown(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted.most_common()) or "none"


@contextlib.contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """At the store's directory."""
    if os.geteuid() != 0:
        sys.exit("--disk-mb mounts a file system: run it as root")
    directory.mkdir(parents=True)
    command: Sequence[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", directory]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


if __name__ == "__main__":
    sys.exit(main())

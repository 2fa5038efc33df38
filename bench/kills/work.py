"""What goes on while the web is killed: clients search, retention takes lines, backups are made, sets are deleted."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any, NamedTuple

from bench.kills.box import AwayError, Box, RefusedError, is_clean
from bench.kills.lines import NEWEST_HOURS, OLDEST_HOURS, PROBES, SET_LINES, TOPIC, Lines, number_of

CLIENTS = 8
FULL_SECONDS = 4.0
"""That the disk is full, each time."""
BEHIND_HOURS = 3
"""How much longer than the oldest line of now retention keeps lines."""
QUERIES = (
    "",
    "paid",
    '"the order"',
    "level:debug",
    "service:shop-1 kept",
    "message:/customer 9\\d+ was/",
    "-info",
    "old",
)
EXPECTED_REFUSALS = frozenset({"not_ready", "service_unavailable", "gateway_timeout"})


class Backup(NamedTuple):
    """One that said that it is whole. `floors`: partition → offset below which every line was known to be in the store;
    `erased`: sets that no answer had any more; both when it began."""

    directory: Path
    floors: dict[int, int]
    erased: frozenset[int]


class Work:
    """Threads, each with chances of its own. `faults`: what must not be. `is_small`: the store's disk, which somebody
    else fills from time to time."""

    def __init__(self, box: Box, lines: Lines, seed: int, seconds: float, *, is_small: bool) -> None:
        self.box, self.lines = box, lines
        self.faults: list[str] = []
        self.answers: Counter[str] = Counter()
        self.backups: list[Backup] = []
        self.backup_ends: Counter[str] = Counter()
        self.erased: set[int] = set()
        """Sets whose deletion was accepted: no answer that is asked for afterwards has a line of them."""
        self.asked: dict[int, str] = {}
        """Sets whose deletion was asked for, and the id of the last one."""
        self.floors: dict[int, int] = {}
        self.retained_at = 0.0
        """When retention was last told to take something."""
        self._seconds = seconds
        self._begun = time.monotonic()
        self._stopping = threading.Event()
        works = [*(self._search for _ in range(CLIENTS)), self._retain, self._back_up, self._erase]
        works += [self._fill_disk] if is_small else []
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, random.Random(seed + number)), daemon=True)
            for number, work in enumerate(works)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(300)

    def fault(self, text: str) -> None:
        self.faults.append(text)
        print(f"FAULT after {time.monotonic() - self._begun:.1f} s: {text}", flush=True)

    def _guarded(self, work: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self._stopping.is_set():
            try:
                work(chance)
            except AwayError:
                self.answers["away"] += 1
                self._stopping.wait(0.1)
            except RefusedError as refused:
                self.answers[f"{refused.status} {_reason(str(refused))[:60]}"] += 1
                if refused.status >= 500 and refused.code not in EXPECTED_REFUSALS:
                    self.fault(f"an answer: {refused}")
                self._stopping.wait(0.2)
            except Exception as error:  # noqa: BLE001 - a thread that ends unseen would look like no fault
                self.fault(f"{work.__name__}: {error!r}")
                self._stopping.wait(1)

    # Searching

    def _search(self, chance: random.Random) -> None:
        chance.choice((self._ask_for_probes, self._ask_for_erased, self._ask_for_page, self._ask_for_bars))(chance)
        self.answers["answered"] += 1
        self._stopping.wait(chance.uniform(0, 1))

    def _ask_for_probes(self, _: random.Random) -> None:
        answer = self.box.search("probe", limit=5000)
        found = self._numbers(answer)
        if is_clean(answer["complete"]):
            self.answers["claimed to be whole"] += 1
            if len(found) != PROBES:
                self.fault(
                    f"{len(found)} of {PROBES} probes in an answer that claims to have everything: {answer['complete']}"
                )
            self._learn(answer["complete"])

    def _learn(self, complete: dict[str, Any]) -> None:
        for one in complete["partitions"]:
            if one["topic"] == TOPIC:
                key = one["partition"]
                self.floors[key] = max(self.floors.get(key, 0), one["offset"])

    def _ask_for_erased(self, chance: random.Random) -> None:
        if self.erased:
            number = chance.choice(sorted(self.erased))
            if found := self._numbers(self.box.search(f"erase{number}", limit=1000)):
                self.fault(f"{len(found)} lines of set {number}, which was deleted, are in an answer")

    def _ask_for_page(self, chance: random.Random) -> None:
        self._numbers(self.box.search(chance.choice(QUERIES), limit=chance.choice((100, 1000, 5000))))

    def _numbers(self, answer: dict[str, Any]) -> set[int]:
        rows = [number_of(row["message"])[1] for row in answer["rows"]]
        found = set(rows)
        if len(rows) != len(found):
            twice = sorted(number for number, times in Counter(rows).items() if times > 1)
            self.fault(f"{len(twice)} lines are twice in one answer, such as {twice[:5]}")
        return found

    def _ask_for_bars(self, chance: random.Random) -> None:
        self.box.ask("GET", "/api/histogram", q=chance.choice(QUERIES), start="1970-01-01T00:00:00Z", by="service")

    # Retention

    def _retain(self, _: random.Random) -> None:
        """What is kept gets shorter and shorter; each time it is confirmed, else it would wait for ten minutes."""
        share = min((time.monotonic() - self._begun) / self._seconds, 1.0)
        self.retain(int(OLDEST_HOURS - (OLDEST_HOURS - NEWEST_HOURS) * share) + BEHIND_HOURS)
        self._stopping.wait(5)

    def retain(self, hours: int) -> None:
        """Raises AwayError, RefusedError."""
        self.box.keep(hours)
        self.box.signal_web(signal.SIGHUP)
        self._stopping.wait(0.5)
        if self.box.ask("POST", "/api/store/confirm")["waiting"] is not None:
            self.retained_at = time.monotonic()

    # Backups

    def _back_up(self, chance: random.Random) -> None:
        """Into the same directory, or a new one. Some are killed."""
        is_new = chance.random() < 0.3
        name = f"backup-{sum(self.backup_ends.values())}" if is_new else "backup"
        self.back_up(self.box.directory / name, chance.uniform(0.5, 6) if chance.random() < 0.2 else None)
        self._stopping.wait(chance.uniform(0, 2))

    def back_up(self, directory: Path, killed_after: float | None = None) -> bool:
        """Whether it became whole."""
        floors, erased = dict(self.floors), frozenset(self.erased)
        options = ("--json", str(directory), "--config", str(self.box.directory / "logpost.toml"))
        command = [sys.executable, "-m", "logpost", "store", "backup", *options, "--data", str(self.box.data)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.box.web.environment
        ) as backup:
            try:
                said, wrong = backup.communicate(timeout=killed_after or 240)
            except subprocess.TimeoutExpired:
                backup.kill()
                backup.communicate()
                self.backup_ends["killed"] += 1
                return False
        if backup.returncode or not json.loads(said)["made"]:
            self.backup_ends[_reason(wrong)] += 1
            return False
        self.backup_ends["whole"] += 1
        self.backups = [one for one in self.backups if one.directory != directory]
        self.backups.append(Backup(directory, floors, erased))
        return True

    # Deletions

    def _erase(self, _: random.Random) -> None:
        """One set after the other, as soon as all of it is found."""
        left = set(range(self.lines.closed)) - self.erased
        if left:
            self._erase_set(min(left))
        self._stopping.wait(0.3)

    def _erase_set(self, number: int) -> None:
        if number in self.asked and (state := self._state(self.asked[number])) not in ("", "failed", "cancelled"):
            if state != "waiting":
                self.erased.add(number)
            return
        counted = self.box.ask("POST", "/api/store/delete", {"query": f"erase{number}"}, dry_run="true")
        if counted["matched"] != SET_LINES:
            self.answers["a set that is not whole yet"] += 1
            return
        self.asked[number] = counted["counted"]
        accepted = self.box.ask("POST", "/api/store/delete", {"counted": counted["counted"]})
        if accepted["state"] != "waiting":
            self.erased.add(number)

    def _state(self, deletion: str) -> str:
        """Empty for one that is not known: it was not accepted."""
        try:
            return str(self.box.ask("GET", f"/api/store/deletes/{deletion}")["state"])
        except RefusedError as refused:
            if refused.status == 404:
                return ""
            raise

    # The disk

    def _fill_disk(self, _: random.Random) -> None:
        self._stopping.wait(5 * FULL_SECONDS)
        file = self.box.data / "store" / "filling"
        with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(65_536))
        self._stopping.wait(FULL_SECONDS)
        file.unlink(missing_ok=True)


def _reason(text: str) -> str:
    """The last line of what a command said, without what is another each time."""
    lines = text.strip().splitlines() or ["said nothing"]
    return "".join("" if letter.isdigit() else letter for letter in lines[-1].split("localhost")[-1])[:100]


def lasting(lines: Lines, erased: Set[int]) -> set[int]:
    """Numbers of the lines that stay, when these sets are deleted."""
    gone = {"old", *(f"erase{number}" for number in erased)}
    return set().union(*(numbers for word, numbers in list(lines.sent.items()) if word not in gone))

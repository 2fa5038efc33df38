"""At the end: is every line there that must be, once, in the store, in answers and in backups; is nothing left over."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.kills.box import AwayError, Box, RefusedError, is_clean
from bench.kills.lines import NEWEST_HOURS, SET_LINES, Lines, compared, number_of
from bench.kills.opened import opened
from bench.kills.signs import leftovers
from bench.kills.work import Backup, Work, lasting
from logpost_web.store.layout import TABLES
from tests.support.appliance import await_condition

SETTLE_SECONDS = 600.0
KILLED = "the process ended each time that its lines were to be removed"
"""What is said of a deletion whose rows stay hidden, on the disk: it is tried a few times only."""
KEPT_HOURS = NEWEST_HOURS - 4
"""At the end, of lines that go: all of them are older by more than the hour that retention may take."""


def judge(box: Box, lines: Lines, work: Work) -> None:
    """Tells `work` of each fault. The web runs, and nobody kills it any more; at the end it is stopped."""
    _settle(box, lines, work)
    erased = _erased(box, lines, work)
    wanted = lasting(lines, erased)
    _compare(box, work, wanted, "at the end")
    _check(box, work)
    older = work.backups[-1] if work.backups else None
    last = box.directory / "backup"
    if not work.back_up(last):
        work.fault("the last backup did not become whole")
    for one in [older] if older is not None and older.directory != last else []:
        command(box, work, "store", "check", str(one.directory))
        _restore_elsewhere(box, work, one, _wanted_of(lines, work, one), lasting(lines, one.erased) | lines.sent["old"])
        command(box, work, "store", "restore", str(one.directory))
        # What was deleted stays away; what retention took comes, and goes again.
        await_condition(lambda: _old(box) == 0, "retention takes again what was restored", SETTLE_SECONDS)
        _compare(box, work, wanted, "when an older backup was restored")
    command(box, work, "store", "check", str(last))
    command(box, work, "store", "restore", str(last))
    _compare(box, work, wanted, "when the last backup was restored")
    _check(box, work)
    if status := box.web.stop():
        work.fault(f"the web ended with status {status}")
    _restore_elsewhere(box, work, Backup(last, {}, frozenset()), wanted, set())
    _open(box, work, wanted)


def _settle(box: Box, lines: Lines, work: Work) -> None:
    def is_settled() -> bool:
        try:
            work.retain(KEPT_HOURS)
            deletes = box.ask("GET", "/api/store/deletes")["deletes"]
            retention = box.ask("GET", "/api/store/stats")["retention"]
            return (
                box.ask("GET", "/readyz")["ready"]
                and is_clean(box.search("", limit=1)["complete"])
                and all(one["state"] not in ("waiting", "running") for one in deletes)
                and retention["waiting"] is None
                and not retention["due"]
                and not _old(box)
            )
        except (AwayError, RefusedError):
            return False

    try:
        await_condition(is_settled, "it settles", SETTLE_SECONDS, every=1.0)
    except AssertionError:
        said = {path: _asked(box, path) for path in ("/readyz", "/api/store/stats", "/api/store/deletes")}
        work.fault(f"it does not settle: {json.dumps(said)[:4000]}; {_old(box)} old lines; {box.web.lines[-20:]}")
    if lines.failed:
        work.fault(f"{len(lines.failed)} lines were not taken, such as {lines.failed[0]}")


def _asked(box: Box, path: str) -> Any:
    try:
        return box.ask("GET", path)
    except (AwayError, RefusedError) as error:
        return str(error)


def _old(box: Box) -> int:
    return int(box.ask("GET", "/api/histogram", q="old", start="1970-01-01T00:00:00Z")["total"])


def _erased(box: Box, lines: Lines, work: Work) -> set[int]:
    """Sets that are gone. What was asked for happened to all of a set or to nothing of it."""
    for one in box.ask("GET", "/api/store/deletes")["deletes"]:
        if one["state"] == "failed" and one["reason"].startswith(KILLED):
            work.answers["a deletion that was killed in each try"] += 1
        elif one["state"] != "done":
            work.fault(f"a deletion is {one['state']}: {one['reason']}")
    erased = set(work.erased)
    for number in work.asked.keys() - erased:
        found = len(box.search(f"erase{number}", limit=1000)["rows"])
        if found not in (0, SET_LINES):
            work.fault(f"{found} of {SET_LINES} lines of set {number} are left, whose deletion may have been accepted")
        erased |= set() if found else {number}
    return erased


def _compare(box: Box, work: Work, wanted: set[int], when: str) -> None:
    for text in compared(_counted(box.messages()), wanted, set()):
        work.fault(f"{when}, in the answers: {text}")
    complete = box.search("", limit=1)["complete"]
    if not is_clean(complete):
        work.fault(f"{when} answers are not whole: {complete}")


def _counted(messages: Iterable[str]) -> Counter[int]:
    return Counter(number_of(message)[1] for message in messages)


def _check(box: Box, work: Work) -> None:
    found = json.loads(command(box, work, "store", "check", "--json") or "{}")
    if any(found.get(name) for name in ("damaged", "lacking_rows", "doubled_rows", "lost_rows")):
        work.fault(f"store check: {found}")


def _wanted_of(lines: Lines, work: Work, backup: Backup) -> set[int]:
    """Lines that were known to be in the store when it began, and of which nobody asked to delete them."""
    kept = lasting(lines, work.asked.keys())
    floors = backup.floors
    places = lines.places
    return {number for number in kept if number in places and places[number][1] < floors.get(places[number][0], 0)}


def _restore_elsewhere(box: Box, work: Work, backup: Backup, wanted: set[int], allowed: set[int]) -> None:
    """Into a new data directory."""
    data = box.directory / f"restored-{backup.directory.name}"
    data.mkdir()
    command(box, work, "store", "restore", str(backup.directory), data=data)
    found = opened("read", data / "store")
    for text in compared(_counted(found["messages"]), wanted, allowed):
        work.fault(f"of {backup.directory.name}: {text}")


def _open(box: Box, work: Work, wanted: set[int]) -> None:
    found = opened("read", box.data / "store")
    for text in compared(_counted(found["messages"]), wanted, set()):
        work.fault(f"in the store: {text}")
    if found["places"] != len(wanted):
        work.fault(f"{found['places']:,} places in the store for {len(wanted):,} lines")
    left = leftovers(box.store, set(found["tables"].values()))
    left += [f"table {name}" for name in found["tables"] if name not in TABLES]
    left += [str(path) for path in (box.data / "store").glob("restore-from")]
    left += [str(path) for path in (box.data / "store" / "tmp").rglob("*") if path.is_file()]
    for one in left:
        work.fault(f"left over: {one}")


def command(box: Box, work: Work, *arguments: str, data: Path | None = None) -> str:
    """What `logpost …` prints; a fault where it fails."""
    options = ("--config", str(box.directory / "logpost.toml"), "--data", str(data or box.data))
    ran = subprocess.run(
        [sys.executable, "-m", "logpost", *arguments, *options],
        env=box.web.environment,
        capture_output=True,
        text=True,
        timeout=SETTLE_SECONDS,
        check=False,
    )
    if ran.returncode:
        work.fault(f"{' '.join(arguments)}: exit status {ran.returncode}: {(ran.stdout + ran.stderr)[-1000:]}")
    return ran.stdout

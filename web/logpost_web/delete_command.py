"""The command `logpost store delete`: on the data directory of a box that is stopped, or through its web where it runs.

Exit status: 0 done, 1 not, 2 wrong use.
"""

from __future__ import annotations

import argparse
import getpass
import select
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.errors import LogpostError
from logpost.service import DirectoryLock
from logpost_web.deletion_text import RECORDED_LATER, counted_lines, deletion_line
from logpost_web.store_access import ask, on_store, post, say, show

POLL_SECONDS = 0.5
IsMeant = Callable[[Mapping[str, Any]], bool]
"""Whether what was counted is to go."""


def add_action(actions: Commands) -> None:
    action = add_parser(
        actions, "delete", run_delete, "Delete for good what a query finds; says first how much that is.", nested=True
    )
    action.dash_is_text = True
    action.add_argument("query", nargs="?", default="", metavar="QUERY", help="what to delete; - reads it from stdin")
    action.add_argument("--before", default="", metavar="TIME", help="only lines of an earlier time")
    action.add_argument("--yes", action="store_true", help="do not ask")
    action.add_argument("--list", action="store_true", help="say how far deletions are")
    action.add_argument("--cancel", default="", metavar="ID", help="of one that is not done: its lines come back")
    action.add_argument("--json", action="store_true", help="the result as one JSON object")


def run_delete(parsed: argparse.Namespace, config: Config) -> int:
    if parsed.list:
        return _show_all(parsed, on_store(config, _list_stopped, lambda: ask(config, "GET", "/api/store/deletes")))
    if parsed.cancel:
        path = f"/api/store/deletes/{parsed.cancel}"
        return _show(
            parsed, on_store(config, partial(_cancel_stopped, parsed.cancel), lambda: ask(config, "DELETE", path))
        )
    query = sys.stdin.read() if parsed.query == "-" else parsed.query
    question = {"query": query.strip(), "before": parsed.before}
    is_meant = partial(_confirmed, parsed)
    stopped = partial(_delete_stopped, question=question, is_meant=is_meant)
    return _show(parsed, on_store(config, stopped, lambda: _through_web(config, question, is_meant)))


def _confirmed(parsed: argparse.Namespace, counted: Mapping[str, Any]) -> bool:
    """Say what would go, and ask."""
    say("\n".join(counted_lines(counted)) + "\n")
    if parsed.yes or not counted["matched"]:
        return True
    if not sys.stdin.isatty() or parsed.query == "-":
        raise LogpostError("nothing is deleted: say --yes where nobody can be asked")
    say(f"Delete these {counted['matched']:,} lines for good? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


NOTHING: dict[str, Any] = {"state": "cancelled", "id": "", "matched": 0, "parts_done": 0, "parts": 0, "reason": ""}
"""Somebody said no."""


def _through_web(config: Config, question: dict[str, str], is_meant: IsMeant) -> dict[str, Any]:
    counted = post(config, "/api/store/delete?dry_run=true", question)
    if not is_meant(counted):
        return NOTHING
    answer = post(config, "/api/store/delete", {"counted": counted["counted"]})
    while answer["state"] in ("waiting", "running") and not answer["reason"]:
        # `time.sleep` fails where the clock is shifted by a preloaded library.
        select.select((), (), (), POLL_SECONDS)
        answer = ask(config, "GET", f"/api/store/deletes/{answer['id']}")
    return answer


def _delete_stopped(config: Config, directory: Path, question: dict[str, str], is_meant: IsMeant) -> dict[str, Any]:
    import msgspec  # the store takes a second to import, for this command only

    from logpost_web.backup.known import backups
    from logpost_web.deletion.stopped import count, delete
    from logpost_web.store.store import Store

    store = Store.open(config.store, directory)
    try:
        deletion, found = count(store, question["query"], question["before"], time.time_ns())
        known = msgspec.to_builtins(backups(directory))
        if not is_meant({**msgspec.to_builtins(found), "matched": found.rows, "backups": known}):
            return NOTHING
        who = f"{getpass.getuser()} on this box"
        return _told(delete(store, deletion, found, who, lambda: time.time_ns() // 1_000_000))
    finally:
        store.close()


def _list_stopped(_: Config, directory: Path) -> dict[str, Any]:
    from logpost_web.deletion.book import Book

    lock = DirectoryLock(directory)  # a web that runs has it, and knows more than its file
    try:
        return {"deletes": [_told(one) for one in reversed(Book(directory).all())]}
    finally:
        lock.release()


def _cancel_stopped(deletion: str, config: Config, directory: Path) -> dict[str, Any]:
    from logpost_web.deletion.stopped import cancel
    from logpost_web.store.store import Store

    store = Store.open(config.store, directory)
    try:
        return _told(cancel(store, deletion, time.time_ns() // 1_000_000))
    finally:
        store.close()


def _told(deletion: Any) -> dict[str, Any]:
    return {
        name: getattr(deletion, name) for name in ("id", "state", "matched", "parts_done", "parts", "reason", "who")
    }


def _show_all(parsed: argparse.Namespace, found: dict[str, Any]) -> int:
    show(parsed, found, [deletion_line(one) for one in found["deletes"]] or ["nothing was deleted"])
    return 0


def _show(parsed: argparse.Namespace, found: dict[str, Any]) -> int:
    show(parsed, found, [deletion_line(found)])
    is_done = found["state"] == ("cancelled" if parsed.cancel else "done") or found["reason"] == RECORDED_LATER
    return 0 if is_done else 1

"""The command `logpost store`: on the data directory of a box that is stopped, or through its web where it runs.

Exit status: 0 done, and for `check` the store is sound; 1 not; 2 wrong use.
"""

from __future__ import annotations

import argparse
import select
import sys
from pathlib import Path
from typing import Any

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.units import share_or_size
from logpost_web import delete_command, searches_command, store_backup_command
from logpost_web.stats_text import stats_lines
from logpost_web.store_access import ask, on_store, say, show, show_progress

POLL_SECONDS = 0.2


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "store", _no_action)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, summary in (
        ("check", run_check, "Read all of the store; damaged parts are set aside and filled again."),
        ("stats", run_stats, "What the store holds, what that takes of the disk, and what retention does."),
        ("confirm", run_confirm, "What is to be deleted and waits, as stats says, is meant: delete it."),
        ("rebuild", run_rebuild, "Fill the store again; rows that the topics no longer have are kept."),
    ):
        action = add_parser(actions, name, run, summary, nested=True)
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        if name == "check":
            text = "a backup of the store, of which every byte is read; without it the store itself"
            action.add_argument("directory", metavar="DIR", type=Path, nargs="?", help=text)
    ddl = add_parser(
        actions, "ddl", run_ddl, "The statements that make the tables on a cluster of servers.", nested=True
    )
    ddl.add_argument("--cluster", metavar="NAME", required=True, help="as in system.clusters")
    store_backup_command.add_actions(actions)
    searches_command.add_action(actions)
    delete_command.add_action(actions)


def _no_action(_: argparse.Namespace, __: Config) -> int:
    raise AssertionError("argparse wants an action")


def run_check(parsed: argparse.Namespace, config: Config) -> int:
    if parsed.directory is not None:
        return store_backup_command.run_check(parsed)
    found = on_store(config, _check_stopped, lambda: ask(config, "POST", "/api/store/check"))
    damaged, lacking, doubled = found["damaged"], found["lacking_rows"], found["doubled_rows"]
    lines = [f"{one['table']} {one['part']}: {one['rows']:,} rows: {one['reason']}" for one in damaged]
    lines.append(f"{found['parts']:,} parts read, {len(damaged)} damaged; {lacking:,} rows are missing")
    if lacking and found["readable_rows"] is None:
        lines.append("those that the topics still have are read again while logpost web runs, as by a rebuild")
    elif lacking:
        lines.append(
            f"the topics have {found['readable_rows']:,} of them at most: they are read again, as by a rebuild"
        )
    if doubled:
        lines.append(f"{doubled:,} rows are there more than once: the next start of logpost web keeps one of each")
    show(parsed, found, lines)
    return 1 if damaged or lacking or doubled else 0


def run_stats(parsed: argparse.Namespace, config: Config) -> int:
    found = on_store(config, _stats_stopped, lambda: ask(config, "GET", "/api/store/stats"))
    show(parsed, found, list(stats_lines(found)))
    return 0


def run_confirm(parsed: argparse.Namespace, config: Config) -> int:
    answer = ask(config, "POST", "/api/store/confirm")
    waiting = answer["waiting"]
    lines = ["nothing waits"]
    if waiting:
        lines = [f"to be deleted now: up to {waiting['rows']:,} rows, the oldest of {waiting['oldest']}"]
    show(parsed, answer, lines)
    return 0


def run_ddl(parsed: argparse.Namespace, _: Config) -> int:
    from logpost_web.store.ddl import cluster_statements

    for sql in cluster_statements(parsed.cluster):
        sys.stdout.write(f"{sql};\n\n")
    return 0


def run_rebuild(parsed: argparse.Namespace, config: Config) -> int:
    result = on_store(config, _rebuild_stopped, lambda: _await_rebuild(config))
    done = result["state"] == "done"
    show(parsed, result, ["done" if done else "the store is filled again as soon as logpost web runs"])
    return 0


def _check_stopped(config: Config, directory: Path) -> dict[str, Any]:
    import msgspec  # the store takes a second to import, for this command only

    from logpost_web.store.check import check
    from logpost_web.store.parts import parts, set_aside
    from logpost_web.store.store import Store

    store = Store.open(config.store, directory)
    try:
        found = check(store, _say_parts)
        damaged = {(one.table, one.part) for one in found.damaged}
        for part in parts(store) if damaged else ():
            if (part.table, part.name) in damaged:
                set_aside(store, part)
        return dict(msgspec.to_builtins(found))
    finally:
        store.close()


def _stats_stopped(config: Config, directory: Path) -> dict[str, Any]:
    """Without what only a web that runs knows."""
    import msgspec

    from logpost_web.store.disk import allocated, file_system
    from logpost_web.store.stats import read
    from logpost_web.store.store import Store

    store = Store.open(config.store, directory)
    try:
        found, place = read(store), store.place
    finally:
        store.close()
    size = file_system(place).size
    return {
        "allocated_bytes": allocated(directory) if place.is_relative_to(directory) else allocated(place),
        "max_bytes": share_or_size(config.store.max_bytes, size),
        "disk_bytes": size,
        "contents": msgspec.to_builtins(found),
    }


def _rebuild_stopped(config: Config, directory: Path) -> dict[str, Any]:
    from logpost_web.store.embedded import embedded_path, put_aside
    from logpost_web.store.errors import UnopenedError
    from logpost_web.store.store import Store

    try:
        store = Store.open(config.store, directory)
    except UnopenedError as error:
        path = embedded_path(config.store, directory)
        aside = None if path is None else put_aside(path)
        if aside is None:
            raise
        say(f"{error}: it is kept as {aside}\n")
        return {"state": "waiting"}
    try:
        store.begin_rebuild()
    finally:
        store.close()
    return {"state": "waiting"}


def _await_rebuild(config: Config) -> dict[str, Any]:
    answer = ask(config, "POST", "/api/store/rebuild")
    while answer["state"] != "done":
        show_progress(f"\r{answer['records_left']:,} records left to read   ")
        # `time.sleep` fails where the clock is shifted by a preloaded library.
        select.select((), (), (), POLL_SECONDS)
        answer = ask(config, "GET", "/api/store/rebuild")
    show_progress("\r")
    return answer


def _say_parts(done: int, of: int) -> None:
    show_progress(f"\r{done:,} of {of:,} parts" + ("\n" if done == of else ""))

"""`logpost store searches`: what runs in the web's store now, and an end to one of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from logpost.cli import Commands, add_parser
from logpost.config import Config
from logpost.controls import visible
from logpost_web.store_access import ask, show

QUERY_CHARACTERS = 100


def add_action(actions: Commands) -> None:
    action = add_parser(
        actions, "searches", run, "The searches that run or wait: who, what, for how long.", nested=True
    )
    action.add_argument("--stop", metavar="ID", help="end this one")
    action.add_argument("--json", action="store_true", help="the result as one JSON object")


def run(parsed: argparse.Namespace, config: Config) -> int:
    if parsed.stop:
        ask(config, "DELETE", f"/api/queries/{parsed.stop}")
        show(parsed, {"id": parsed.stop, "state": "stopped"}, ["stopped"])
        return 0
    found = ask(config, "GET", "/api/queries")
    show(parsed, found, list(lines(found["queries"])))
    return 0


def lines(searches: list[Mapping[str, Any]]) -> Iterator[str]:
    """Text for people, a line each."""
    if not searches:
        yield "no search runs"
    for one in searches:
        query = visible(str(one["query"]))
        cut = query if len(query) <= QUERY_CHARACTERS else f"{query[:QUERY_CHARACTERS]}…"
        yield (
            f"{one['id']}  {one['state']} for {one['seconds']:.1f} s  {one['who']}  {one['kind']}"
            f"  {one['rows_read']:,} rows, {one['memory_bytes'] / 1e6:,.0f} MB of memory  {cut}"
        )

"""`logpost store stats` as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN_SERVICES = 20
SHOWN_COLUMNS = 8


def stats_lines(stats: Mapping[str, Any]) -> Iterator[str]:
    """Of an answer of `/api/store/stats`; of a store that is stopped it lacks what only a web that runs knows."""
    held = stats["contents"]
    yield f"{held['rows']:,} rows in {_size(stats['allocated_bytes'])} of {_size(stats['max_bytes'])} (store.max_bytes)"
    if held["rows"]:
        yield (
            f"messages of {_size(held['message_bytes'])} in {_size(held['bytes'])}, {held['ratio']:.1f} times smaller:"
            f" {held['bytes'] / held['rows']:,.0f} bytes a row, {_size(held['bytes_per_day'])} a day"
        )
    if stats.get("topics_bytes"):
        yield f"topics on the same disk: {_size(stats['topics_bytes'])}"
    if stats.get("days_left") is not None:
        yield f"days until the oldest go for room: {stats['days_left']:,.1f}"
    if retention := stats.get("retention"):
        yield from _retention(retention)
    yield from _table(
        ("service", "rows", "share", "disk", "a day"),
        [
            (
                one["service"] or "-",
                f"{one['rows']:,}",
                f"{one['share']:.1%}",
                _size(one["bytes"]),
                _size(one["bytes_per_day"]),
            )
            for one in held["services"][:SHOWN_SERVICES]
        ],
    )
    yield from _table(
        ("day", "rows", "disk"), [(one["day"], f"{one['rows']:,}", _size(one["bytes"])) for one in held["days"]]
    )
    yield from _table(
        ("column", "disk", "ratio"),
        [(one["column"], _size(one["bytes"]), f"{one['ratio']:.1f}") for one in held["columns"][:SHOWN_COLUMNS]],
    )


def _retention(retention: Mapping[str, Any]) -> Iterator[str]:
    for one in retention["classes"]:
        which = "rows from before the rules changed" if one["query"] is None else one["query"] or "all other rows"
        yield f"kept {one['keep_ms'] / 86_400_000:g} days: {which}: {one['rows']:,} rows, {_size(one['bytes'])}"
    if retention["last_dropped"]:
        last = f"{retention['last_rows']:,} rows, {_size(retention['last_bytes'])}"
        yield f"dropped last: {last}, at {retention['last_dropped']}"
    if waiting := retention["waiting"]:
        until = f"at {waiting['until']}" if waiting["until"] else "when you say `logpost store confirm`"
        yield f"to be dropped {until}: up to {waiting['rows']:,} rows, {_size(waiting['bytes'])}: {waiting['reason']}"
    if retention["error"]:
        yield f"retention fails: {retention['error']}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for first, *others in (head, *rows):
        yield "  ".join(
            [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        )


def _size(size: int) -> str:
    for factor, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"

"""How the programs in Python write their transcripts: one fact a line."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

SERVERS = os.environ["BOOTSTRAP_SERVERS"]
SECONDS = 240.0
STAMP = time.time_ns() // 1_000_000
"""Records have this timestamp, and are shown as so many milliseconds from it: retention takes records of long ago."""


def title(text: str) -> None:
    print(f"# {text}", flush=True)


def fact(what: str, value: object) -> None:
    print(f"{what}: {value}", flush=True)


def attempt(
    what: str, call: Callable[[], object], errors: type[Exception], kind: Callable[[Exception], object]
) -> None:
    """What the call returns, or what kind of error it raises."""
    try:
        answer = call()
    except errors as error:
        answer = kind(error)
    fact(what, answer)


def until(what: str, holds: Callable[[], bool]) -> None:
    """`holds` is asked again and again; it may poll."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            fact(what, "never")
            return
    fact(what, "yes")


RANDOM = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{22}(?![\w-])", "ID"),
    (r"\b1[6-9]\d{11}\b", "TIME"),
    (r"('port': )\d+", r"\1PORT"),
    (r"'(localhost|127\.0\.0\.1)'", "'HOST'"),
)


def plain(value: object) -> str:
    """As text, what differs from run to run by its kind only."""
    text = str(value)
    for pattern, kind in RANDOM:
        text = re.sub(pattern, kind, text)
    return text

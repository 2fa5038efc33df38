"""The part of docs/protocol.md that tells of clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from interop.transcript import Known

PAGE = Path(__file__).parents[1] / "docs" / "protocol.md"
BEGIN = "<!-- the clients: python -m interop --write-page -->"
END = "<!-- the end of the clients -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Of one program."""

    name: str
    reason: str | None = None
    """Why it was left out."""
    facts: int = 0
    """Lines of its transcript."""
    lines: list[str] | None = None
    """What differs; None where it did not run."""
    unexplained: list[str] = field(default_factory=list)


def put_into(page: str, results: Iterable[Result], known: Iterable[Known]) -> str:
    """The page with the section between its marks made again."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{section(results, known)}\n{END}{after}"


def section(results: Iterable[Result], known: Iterable[Known]) -> str:
    rows = [
        f"| {result.name} | {result.facts} | {len(result.lines)} |" for result in results if result.lines is not None
    ]
    told: dict[str, list[str]] = {}
    for each in known:
        told.setdefault(each.why, []).append(each.program)
    why = [f"- {', '.join(dict.fromkeys(programs))}: {text}" for text, programs in told.items()]
    table = ["| program | facts compared | lines that differ |", "| --- | ---: | ---: |", *rows]
    return "\n".join([*table, "", "What differs, and why:" if why else "Nothing differs.", "", *why, ""])

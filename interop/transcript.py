"""What a program said, and whether two brokers made it say the same."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    lines: tuple[str, ...]
    status: int
    """The exit status; negative is a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A difference that is intended."""

    program: str
    pattern: str
    """Of whole lines, of either broker."""
    why: str


def difference(logpost: Transcript, kafka: Transcript) -> list[str]:
    """Lines as in a unified diff without context: "-" stands for what Kafka says, "+" for what logpost says."""
    one, other = _with_status(kafka), _with_status(logpost)
    diff = difflib.unified_diff(one, other, "kafka", "logpost", lineterm="", n=0)
    return [line for line in diff if not line.startswith(("---", "+++", "@@"))]


def _with_status(transcript: Transcript) -> Sequence[str]:
    return [*transcript.lines, f"exit status {transcript.status}"]


def unexplained(program: str, lines: Iterable[str], known: Iterable[Known]) -> list[str]:
    """Which lines of a difference nobody has explained."""
    patterns = [re.compile(each.pattern) for each in known if each.program == program]
    return [line for line in lines if not any(pattern.fullmatch(line[1:]) for pattern in patterns)]


def unused(lines: dict[str, list[str]], known: Iterable[Known]) -> list[Known]:
    """Explanations of differences that are no more. `lines`: the difference of each program that ran."""
    return [
        each
        for each in known
        if each.program in lines and not any(re.fullmatch(each.pattern, line[1:]) for line in lines[each.program])
    ]

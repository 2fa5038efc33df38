"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from logpost.controls import encodable

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Result:
    """`detail`: one line that says what was seen; `remedy`: one line that says what to do, empty where all is well."""

    check: str
    state: State
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Result:
    return Result(check, "ok", encodable(detail))


def warn(check: str, detail: str, remedy: str) -> Result:
    """It works now, but not as it should, or not for long."""
    return Result(check, "warn", encodable(detail), encodable(remedy))


def fail(check: str, detail: str, remedy: str) -> Result:
    """It does not work, or lines are lost."""
    return Result(check, "fail", encodable(detail), encodable(remedy))

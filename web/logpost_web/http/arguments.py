"""The arguments in a URL: those that an address reads, once each. Raises BadArgumentError."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import QueryParams

from logpost_web.errors import BadArgumentError


def check_names(parameters: QueryParams, known: Sequence[str]) -> None:
    """Refuse what nobody reads: a misspelt `strat` would answer another question than the one that was asked."""
    for name in parameters:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there is none here"
            raise BadArgumentError(f"there is no parameter {name!r}; {there_are}")
        if len(parameters.getlist(name)) > 1:
            raise BadArgumentError(f"{name} is given more than once")

"""What can be wrong with a search, beside its query (`logpost.query.errors`)."""

from __future__ import annotations

from logpost.errors import LogpostError


class BadArgumentError(LogpostError):
    """An argument of a search that cannot be used: a time, a limit, a cursor. The text names it."""

    exit_status = 2

"""What can be wrong with a query."""

from __future__ import annotations

from logpost.errors import LogpostError


class QuerySyntaxError(LogpostError):
    """A query that cannot be understood. `at`: 0-based position in the text, in characters; it is the text's length
    when something is missing at the end."""

    exit_status = 2

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at

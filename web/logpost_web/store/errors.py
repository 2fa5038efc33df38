"""What may go wrong with the store."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError

from logpost.errors import LogpostError, StartError
from logpost_web.store.damage import is_damage

GONE = 107
"""ClickHouse's code of a file that is not there."""
TIMED_OUT = 159
"""ClickHouse's code of a statement that ran into `max_execution_time`."""
TOO_LARGE = 396
"""The code of a statement that ran into `max_result_bytes`, or into its limit of temporary files."""
OUT_OF_MEMORY = 241
"""The code of a statement that ran into its own limit of memory, or into the engine's."""
OF_THE_MOMENT = frozenset(
    {
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        TIMED_OUT,
        164,  # READONLY
        173,  # CANNOT_ALLOCATE_MEMORY
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        236,  # ABORTED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK
    }
)
"""Codes of errors that say nothing about the rows of an insert: the same rows may go in a moment later."""


class UnopenedError(StartError):
    """A store that the engine, or the server, does not open."""


class QueryError(LogpostError):
    """A statement that failed. `code`: ClickHouse's error code, 0 where it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_damage(self) -> bool:
        """Whether bytes of the store are damaged or gone."""
        return is_damage(self.code, str(self))

    @property
    def is_of_the_moment(self) -> bool:
        """Whether the store is in trouble, and not with what the statement asked for or brought."""
        # The engine's own limit hits the statement that asks next: "(total) memory limit exceeded: would use …".
        return self.code in OF_THE_MOMENT or (self.code == OUT_OF_MEMORY and "(total)" in str(self))

    @property
    def needs_more_memory(self) -> bool:
        """Than the statement may have."""
        return self.code == OUT_OF_MEMORY and not self.is_of_the_moment

    @property
    def timed_out(self) -> bool:
        return self.code == TIMED_OUT

    @property
    def too_large(self) -> bool:
        return self.code == TOO_LARGE and not self.spilled_too_much

    @property
    def spilled_too_much(self) -> bool:
        return self.code == TOO_LARGE and "temporary files" in str(self)


def query_error(error: ClickHouseError) -> QueryError:
    return QueryError(first_line(error), getattr(error, "code", None) or 0)


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

"""What can go wrong, in three kinds.

`ApiError`: the answer to one partition, topic or group carries its Kafka error code. `ProtocolError`: the bytes are not
what a Kafka client sends; that connection is closed. Anything else is a bug: logged once, connection closed, broker
alive.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode


class ApiError(Exception):
    """A refusal that the client is told: Kafka's code, and a sentence where the answer has room for one."""

    def __init__(self, code: ErrorCode, message: str | None = None) -> None:
        super().__init__(message or code.name)
        self.code = code
        self.message = message


def without_traces(error: ApiError) -> ApiError:
    """The refusal to be kept as a value: where it was raised would keep the request, in a cycle with its holder."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


class ProtocolError(Exception):
    """Bytes that are no Kafka request this broker can answer. The text says why the connection is closed."""


class MalformedError(ProtocolError):
    """Bytes that no Kafka client sends, whatever its version: of no use to an operator, who can count them."""

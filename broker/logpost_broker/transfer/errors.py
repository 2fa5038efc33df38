"""The one failure of a transfer."""

from __future__ import annotations

from logpost.errors import LogpostError


class TransferError(LogpostError):
    """A transfer that cannot be made. Nothing has changed where the logs were to go."""

"""Where the journal's stream stands: only what the broker acknowledged."""

from __future__ import annotations

import msgspec


class JournalPosition(msgspec.Struct, kw_only=True):
    """The systemd journal as a stream of entries."""

    id: str
    cursor: str
    """Of the last acknowledged entry, or of the first entry when `entries` is 0."""
    entries: int
    """How many entries are acknowledged."""

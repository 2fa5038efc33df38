"""What memory the embedded store may use: as `store.max_memory_bytes` says, on a small machine or in a small container
half of what there is. The rest is for Python and the client of Kafka."""

from __future__ import annotations

LEAST_BYTES = 192 * 1024 * 1024
"""With less the engine does not merge what the indexer inserts."""


def engine_bytes(max_memory_bytes: int, available: int) -> int:
    """`available`: bytes of the machine, or of its container or unit."""
    return min(max_memory_bytes, max(available // 2, LEAST_BYTES))

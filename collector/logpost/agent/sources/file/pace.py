"""How often to look at all names. Pure; all times in seconds."""

from __future__ import annotations

GAP_SECONDS = 0.05
REST_SHARE = 20
"""Between looks passes at least this many times what the last one took, whatever asks for them."""
POLL_SHARE = 300
"""The same of its processor time, where events tell what changes and nothing asks: 0.3 % of a processor."""
LONGEST_POLL_SECONDS = 5.0
"""What events do not tell, as on a file system of another host, is found within this time, or `poll_seconds`."""


def rest(took: float) -> float:
    """How long there is no look, after one that took so long."""
    return max(GAP_SECONDS, REST_SHARE * took)


def pause(poll_seconds: float, took: float, cpu_seconds: float, *, is_watched: bool) -> float:
    """How long there is none unless something asks for it."""
    cheap = min(LONGEST_POLL_SECONDS, POLL_SHARE * cpu_seconds) if is_watched else 0.0
    return max(poll_seconds, cheap, rest(took))

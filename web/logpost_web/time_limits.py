"""The times that the store holds, in Unix nanoseconds: the years 1900 to 2262. A time outside is moved to its end."""

from __future__ import annotations

MIN_NS = -2_208_988_800 * 10**9
"""1900-01-01T00:00:00Z, the first moment that DateTime64(9) holds."""
MAX_NS = (2**63 - 1) // 10**9 * 10**9 - 1
"""2262-04-11T23:47:15.999999999Z, the end of the last full second; the moment behind it still has 64 bits."""
END_NS = 2**63 - 1
"""The latest time that a search can name: it ends before that, and so behind all that the store holds."""

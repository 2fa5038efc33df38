"""Regular expressions that clients send, in RE2's language, which Apache Kafka reads them in as well (RE2/J).

RE2 goes over a name once and never back, so that no expression stops the broker. Its memory is bounded, and with it the
size of what an expression compiles to: matching a name of 249 characters takes less than 0.2 ms, whatever the two are.
"""

from __future__ import annotations

import re2

MAX_LENGTH = 1_024
MAX_BYTES = 64 * 1024
"""What one compiled expression may take; RE2 refuses what would be larger. Real ones take a tenth."""


class RegularExpression:
    def __init__(self, text: str) -> None:
        """Raises ValueError, with what is wrong."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a regular expression has at most {MAX_LENGTH} characters")
        options = re2.Options()
        options.max_mem = MAX_BYTES
        options.never_capture = True
        options.log_errors = False
        try:
            self._pattern = re2.compile(text, options)
        except re2.error as error:
            [reason] = error.args
            raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None

    def matches(self, name: str) -> bool:
        """Whether it matches the whole name."""
        return self._pattern.fullmatch(name) is not None

"""Words of a message as the store's index sees them: runs of ASCII letters and digits and of everything that is not
ASCII; all other ASCII characters stand between words."""

from __future__ import annotations

import re

WORD_CHARACTERS = r"0-9A-Za-z\x{80}-\x{10ffff}"
"""Inside a character class of an RE2 expression."""

_WORD = re.compile("[0-9A-Za-z\x80-\U0010ffff]+")


def is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def inner_words(text: str) -> tuple[str, ...]:
    """The words of `text` that stay whole wherever `text` occurs: not the first or last if they touch its ends."""
    return tuple(found[0] for found in _WORD.finditer(text) if found.start() > 0 and found.end() < len(text))

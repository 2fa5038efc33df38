"""Words and phrases of the message."""

from __future__ import annotations

from functools import lru_cache

from logpost.query import words
from logpost.query.ast import Text
from logpost.query.expression import searcher
from logpost.query.filters.event import Event, Matcher
from logpost.query.phrase import normal_pieces, phrase

# All texts of a query, and all queries, are tried on the same message in turn.
normal_form = lru_cache(maxsize=1)(words.normal_form)


def has_text(text: Text) -> Matcher:
    wanted = phrase(text)
    if wanted is None:
        return lambda event: True
    pieces = normal_pieces(text)
    longest = max(pieces, key=len)
    is_whole, size = len(pieces) == 1, len(longest)
    before, after = bool(wanted.before), bool(wanted.after)
    search = searcher(wanted.expression)

    def matches(event: Event) -> bool:
        normal = normal_form(event.message)
        at = normal.find(longest)
        if at < 0:
            return False
        # Look at the first place here: that takes a tenth of the expression's time.
        if is_whole and not (before and _is_letter(normal[at - 1 : at])):
            end = at + size
            if not (after and _is_letter(normal[end : end + 1])):
                return True
        return search(normal)

    return matches


def _is_letter(character: str) -> bool:
    """Whether it continues a word in a normal form; the empty text does not."""
    return "0" <= character <= "9" or "a" <= character <= "z" or character >= "\x80"

"""What a text in a query asks of a message's normal form: words that must be in it, and an expression that decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from logpost.query.ast import Text
from logpost.query.words import BORDER, JOINED, LETTERS, is_letters, normal_form, tokens

MAX_WORDS = 8
"""Words of a phrase to ask the index for: the longest ones; more make it no rarer."""

_ANY_LETTERS = f"[{LETTERS}]*"
_ANY_TEXT = "(?s:.*?)"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Expressions are RE2's. `words`: all of them are in every match, and where `is_word`, they are all that is asked.
    `expression`: matches the normal forms that have the phrase. `before` + (`marked`) + `after` does too; what is found
    is in parentheses, and a `*` at its ends is the rest of the word."""

    words: tuple[str, ...]
    is_word: bool
    before: str
    found: str
    marked: str
    after: str

    @property
    def expression(self) -> str:
        return self.before + self.found + self.after


def phrase(text: Text) -> Phrase | None:
    """None: every message has it."""
    pieces = normal_pieces(text)
    whole = "".join(pieces)
    if not whole:
        return None
    between = _ANY_LETTERS if is_letters(whole) and not text.quoted else _ANY_TEXT
    found = between.join(_literal(piece) for piece in pieces if piece)
    return Phrase(
        words=_words(pieces),
        is_word=len(pieces) == 1 and tokens(whole) == [(0, len(whole))],
        before=f"(?:^|[^{JOINED}])" if tokens(pieces[0][:1]) else "",
        found=found,
        marked=("" if pieces[0] else _ANY_LETTERS) + found + ("" if pieces[-1] else _ANY_LETTERS),
        after=f"(?:$|[^{JOINED}])" if tokens(pieces[-1][-1:]) else "",
    )


def normal_pieces(text: Text) -> list[str]:
    """What stands between the `*`, in normal form; a border of words at an end asks for nothing."""
    pieces = [normal_form(piece) for piece in text.pattern.pieces]
    pieces[0] = pieces[0].lstrip(BORDER)
    pieces[-1] = pieces[-1].rstrip(BORDER)  # may be the same one
    return pieces


def _words(pieces: Sequence[str]) -> tuple[str, ...]:
    """The words that are whole in every match: none that a `*` may continue."""
    last = len(pieces) - 1
    found = {
        piece[start:end]
        for number, piece in enumerate(pieces)
        for start, end in tokens(piece)
        if (start > 0 or number == 0) and (end < len(piece) or number == last)
    }
    return tuple(sorted(found, key=lambda word: (-len(word), word))[:MAX_WORDS])


def _literal(text: str) -> str:
    # No more escapes than needed: of others the store does not know that they are plain text, and searches slowly.
    return re.sub(r"[\\^$.|?*+()\[{]", r"\\\g<0>", text)

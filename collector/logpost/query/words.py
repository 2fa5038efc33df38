r"""What a word is. The index, queries and marks all ask this module; docs/search.md says the same to users.

A word ends where something other than a letter, a digit or a combining mark begins, in any script. In scripts that are
written without spaces each character is a word. Upper and lower case, composed and decomposed accents, full and half
width are alike. Escape sequences of terminals (colours, titles, links) are not part of the text.

The store cannot tell: its token functions take every byte above 127 for a letter. So each text has a normal form whose
tokens are the words: of the characters outside ASCII, those that are a word of their own have `BORDER` on both sides,
those that are no letter `OTHER`. The normal form of plain ASCII is its lower case, which the store makes itself; other
texts need a column.
"""

from __future__ import annotations

import re
import unicodedata

BORDER = "\x1b"
"""Between two words and nothing else: an ESC that begins no known sequence is a border too."""
OTHER = "\x1c"

JOINED = r"0-9a-z\x{80}-\x{10ffff}"
"""What continues a word in a normal form; inside a character class of an RE2 expression."""
LETTERS = JOINED + r"\x1b"
"""The same, and over the borders between words of unspaced scripts. What is no letter is behind `OTHER`."""

ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, movements of the cursor
    r"|\x9b[0-9;:]*m"  # a colour whose CSI is one character; others may be letters in a wrong encoding
    r"|\x1b[\]PX^_][^\x00-\x1f]*(?:\x07|\x1b\\)"  # OSC and its like: titles, links
    r"|\x1b[ -/]+[0-~]"  # character sets
    r"|\x1b[78=>DEHMNOZc]"  # the cursor's place, the keypad, single shifts, reset
)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u2e80-\u312f\u31a0-\ua4cf\uf900-\ufaff"  # ideographs, kana, Bopomofo, Yi
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff]"  # Tangut, Nüshu, more kana and ideographs
)
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TOKEN = re.compile("[0-9a-z\x80-\U0010ffff]+")
_MAX_SPELLINGS = 50_000
"""As many characters as living scripts have; hostile text costs no more memory than those."""


def is_plain(text: str) -> bool:
    """Whether the lower case of `text` is its normal form."""
    return text.isascii() and BORDER not in text


def normal_form(text: str) -> str:
    return text.lower() if is_plain(text) else fold(ESCAPES.sub("", text))


def fold(text: str) -> str:
    """The normal form of a text without escape sequences."""
    # The dot of a small i is no accent: İstanbul is istanbul.
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    return folded.translate(_SPELLINGS)


def tokens(normal: str) -> list[tuple[int, int]]:
    """Where the words of a normal form are: start and end (excluded)."""
    return [found.span() for found in _TOKEN.finditer(normal)]


def is_letters(normal: str) -> bool:
    """Whether there are letters and digits only: one word, or a run of an unspaced script."""
    return all(map(_is_letter, normal.replace(BORDER, "")))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


class _Spellings(dict[int, str]):
    """How folded characters are written in a normal form, by code point; filled as they are met."""

    def __missing__(self, code: int) -> str:
        spelling = _spelling(chr(code))
        if len(self) < _MAX_SPELLINGS:
            self[code] = spelling
        return spelling


def _spelling(character: str) -> str:
    if character.isascii():
        return character
    if _VARIATION_SELECTORS.match(character):
        return ""
    if not _is_letter(character):
        return f"{OTHER}{character}{OTHER}"
    return f"{BORDER}{character}{BORDER}" if _UNSPACED.match(character) else character


_SPELLINGS = _Spellings()

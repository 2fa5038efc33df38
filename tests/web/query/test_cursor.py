"""Cursors survive the way to a client and back, and nothing else passes for one."""

from __future__ import annotations

import pytest

from logpost_web.errors import BadArgumentError
from logpost_web.query.cursor import Cursor, decode_cursor, encode_cursor


def test_a_cursor_comes_back() -> None:
    cursor = Cursor(
        1_763_895_067_123_456_789, "logs.ü", 7, 2**53 + 1, ("T9x_", "T9x_@2@50"), None, 1_763_895_067_123_456_790
    )
    text = encode_cursor(cursor)
    assert decode_cursor(text) == cursor
    assert text.isascii() and not set(text) & set("+/=&?#% ")


@pytest.mark.parametrize(
    "text", ["x", "!!!", "W10", "ü", "WzEsMl0", encode_cursor(Cursor(1, "a", 2, 3, ("",), 0, 9))[:-4]]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(BadArgumentError, match="cursor"):
        decode_cursor(text)

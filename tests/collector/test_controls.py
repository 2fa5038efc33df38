"""A text of others on one line, with nothing that steers a terminal or hides."""

from __future__ import annotations

import re

from logpost.controls import INVISIBLE, encodable, one_line, visible


def test_lines_and_tabs_stay_where_a_text_has_several() -> None:
    assert visible("a\tb\nc\x1b[2J\u202e\U000e0041") == "a\tb\nc\\x1b[2J\\u202e\\U000e0041"


def test_one_line_has_none_of_them() -> None:
    assert one_line("a\tb\nc\r\u2028") == "a\\tb\\nc\\x0d\\u2028"


def test_the_page_can_take_the_class_as_it_is() -> None:
    assert not re.search(r"[\\\]\[^]", INVISIBLE)


def test_a_path_that_is_no_text_can_be_written() -> None:
    assert encodable("/é/caf\udce9") == "/é/caf\\udce9"

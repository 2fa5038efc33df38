"""Bytes to lines: every byte belongs to exactly one range, and no text is lost."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from logpost.agent.sources.file.lines import Split, split
from logpost.agent.stages.event import Event, Mark


def whole(data: bytes, *, limit: int = 1000, final: bool = False, mid_line: bool = False) -> Split:
    return split(data, at=0, claimed=0, mid_line=mid_line, limit=limit, final=final)


def test_each_line_has_the_range_of_its_bytes_and_no_line_end() -> None:
    found = whole(b"one\ntwo\r\nthr")
    assert found.lines == [Event(4, "one"), Event(9, "two")]
    assert (found.read, found.claimed, found.mid_line) == (9, 9, False)


def test_empty_lines_count_to_the_line_after_them() -> None:
    assert whole(b"\n\r\none\n\n\ntwo\n").lines == [Event(7, "one"), Event(13, "two")]


def test_trailing_empty_lines_are_read_but_not_claimed() -> None:
    found = whole(b"one\n\n\n")
    assert (found.read, found.claimed) == (6, 4)
    after = split(b"two\n", at=6, claimed=4, mid_line=False, limit=1000, final=False)
    assert after.lines == [Event(10, "two")]


def test_what_has_no_newline_waits_unless_it_is_final() -> None:
    assert whole(b"one").lines == []
    assert whole(b"one\r", final=True).lines == [Event(4, "one")]


def test_the_rest_of_a_line_shipped_in_part_is_marked() -> None:
    first = whole(b"one", final=True)
    rest = split(b" more\ntwo\n", at=3, claimed=3, mid_line=first.mid_line, limit=1000, final=False)
    assert rest.lines == [Event(9, " more", Mark.CONTINUED), Event(13, "two")]


def test_only_the_newline_of_a_line_shipped_in_part_is_no_line() -> None:
    rest = split(b"\r\ntwo\n", at=3, claimed=3, mid_line=True, limit=1000, final=False)
    assert rest.lines == [Event(9, "two")]


def test_bytes_that_are_not_utf8_are_replaced_and_marked() -> None:
    [line] = whole(b"caf\xe9\n").lines
    assert line == Event(5, "caf\N{REPLACEMENT CHARACTER}", Mark.INVALID_UTF8)


def test_a_long_line_is_cut_between_characters() -> None:
    data = "é".encode() * 5 + b"\nx\n"
    found = whole(data, limit=3)
    assert found.lines == [
        Event(2, "é", Mark.TRUNCATED),
        Event(4, "é", Mark.TRUNCATED | Mark.CONTINUED),
        Event(6, "é", Mark.TRUNCATED | Mark.CONTINUED),
        Event(8, "é", Mark.TRUNCATED | Mark.CONTINUED),
        Event(11, "é", Mark.CONTINUED),
        Event(13, "x"),
    ]


def test_a_long_line_that_has_not_ended_is_cut_already() -> None:
    found = whole(b"a" * 25, limit=10)
    assert [line.end for line in found.lines] == [10, 20]
    assert (found.read, found.mid_line) == (20, True)


def test_the_hole_before_a_line_is_skipped() -> None:
    """A program that keeps its position across copytruncate leaves NULs at the beginning."""
    assert whole(b"\0" * 5000 + b"one\n", limit=100).lines == [Event(5004, "one")]


def test_nul_inside_a_line_stays() -> None:
    assert whole(b"a\0b\n").lines == [Event(4, "a\0b")]


DATA = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"a", b"bcd", "é€😀".encode(), b"\xff", b"\xe2\x82", b"\0", b" "]), max_size=40
).map(b"".join)


@given(data=DATA, chunk=st.integers(1, 60), limit=st.integers(4, 20))
def test_chunks_do_not_change_lines(data: bytes, chunk: int, limit: int) -> None:
    lines, at, claimed, mid_line = [], 0, 0, False
    size = chunk
    while at < len(data):
        piece = data[at : at + size]
        final = at + len(piece) == len(data)
        found = split(piece, at=at, claimed=claimed, mid_line=mid_line, limit=limit, final=final)
        size = chunk if found.read > at else size + limit  # as the reader does when a line is longer than a chunk
        lines += found.lines
        at, claimed, mid_line = found.read, found.claimed, found.mid_line
    assert lines == whole(data, limit=limit, final=True).lines
    ends = [0, *(line.end for line in lines)]
    assert all(before < after for before, after in itertools.pairwise(ends))
    assert all(line.text and "\n" not in line.text for line in lines)

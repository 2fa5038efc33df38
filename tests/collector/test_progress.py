"""The line that says how far a long piece of work is."""

from __future__ import annotations

from io import StringIO

from logpost.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_bytes_and_rate_and_left_clean() -> None:
    terminal, seconds = Terminal(), iter([0.0, 0.1, 2.0, 2.1])
    with Progress(1_000_000_000, terminal, lambda: next(seconds)) as progress:
        progress.add(100_000_000)
        assert terminal.getvalue() == "", "written more often than anybody reads"
        progress.add(400_000_000)
        shown = terminal.getvalue()
        progress.add(1)
        assert terminal.getvalue() == shown
    assert shown == "\r[###############...............] 500 of 1,000 MB, 250 MB/s"
    assert terminal.getvalue() == shown + "\r" + " " * (len(shown) - 1) + "\r"


def test_what_is_no_terminal_is_not_written_to() -> None:
    stream, seconds = StringIO(), iter([0.0, 5.0])
    with Progress(100, stream, lambda: next(seconds)) as progress:
        progress.add(50)
    assert stream.getvalue() == ""

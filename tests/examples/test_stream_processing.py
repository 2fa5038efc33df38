"""Orders become invoices exactly once, although the processor is killed."""

from __future__ import annotations

from collections.abc import Callable

from tests.examples.page import Page, await_output


def test_the_demonstration_ends_as_its_page_says(page: Callable[[str], Page]) -> None:
    opened = page("stream-processing")
    printed = opened.output(opened.commands[0])
    assert printed.count("kill -9, number ") == 5
    assert printed.splitlines()[-1] + "\n" == opened.shown[0]


def test_the_steps_by_hand_with_a_kill_in_the_middle(page: Callable[[str], Page]) -> None:
    opened = page("stream-processing")
    feed, check, process = opened.commands[1:]
    assert opened.output(feed) == "1000 orders\n"
    unfinished = opened.run(check)
    assert unfinished.returncode == 1
    assert unfinished.stdout == "1000 orders, 0 invoices: 1000 missing, 0 more than once\n"
    with opened.running(process) as first:
        await_output(first, lambda lines: len(lines) == 3)
        first.kill()
        first.wait()
    assert opened.run(check).returncode == 1
    with opened.running(process) as second:
        await_output(second, lambda _: opened.run(check).returncode == 0)
    assert opened.output(check) == opened.shown[0]

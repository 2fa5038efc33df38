"""Each mail is sent by one worker; what was released is sent by a second attempt, what was rejected by none."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

from tests.examples.page import Page, await_output

SENT, RETRIED = ["sent"], ["released", "sent, at attempt 2"]
EXPECTED = {"ada": SENT, "busy": RETRIED, "grace": SENT, "no": ["rejected"], "alan": SENT}
MAILS = 20


def outcomes(lines: list[str]) -> dict[int, tuple[str, list[str]]]:
    """Number of the mail → to whom, and what became of it, in order."""
    found: dict[int, tuple[str, list[str]]] = defaultdict(lambda: ("", []))
    for line in lines:
        said = re.fullmatch(
            r"worker \d: mail (\d+) to (\w+)\S* (?:address )?(released|rejected|sent.*?)(?:: .*)?", line
        )
        assert said is not None, line
        number = int(said[1])
        found[number] = (said[2], [*found[number][1], said[3]])
    return found


def finished(lines: list[str]) -> bool:
    return sum(" released" not in line for line in lines) == MAILS


def test_workers_share_the_mails(page: Callable[[str], Page]) -> None:
    opened = page("messaging")
    work, post = opened.commands
    with opened.running(work) as workers:
        assert opened.output(post) == "posted 20 mails\n"
        lines = await_output(workers, finished)
    found = outcomes(lines)
    assert sorted(found) == list(range(MAILS))
    for name, became in found.values():
        assert became == EXPECTED[name]


def test_mails_that_were_there_before_the_first_worker_are_sent(page: Callable[[str], Page]) -> None:
    opened = page("messaging")
    work, post = opened.commands
    opened.output(post)
    with opened.running(work) as workers:
        assert len(outcomes(await_output(workers, finished))) == MAILS


def test_lines_of_the_page_are_such_as_the_program_prints(page: Callable[[str], Page]) -> None:
    for name, became in outcomes(page("messaging").shown[0].splitlines()).values():
        assert became == EXPECTED[name]

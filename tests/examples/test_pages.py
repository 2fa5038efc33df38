"""What all five have in common."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.examples.page import EXAMPLES

INDEX = (EXAMPLES / "README.md").read_text()
PROGRAMS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "connection.py")


def test_the_index_has_every_page_and_a_command_of_each() -> None:
    rows = re.findall(r"^\| \[.*?\]\((.*?\.md)\) \| `(.*?)` \|", INDEX, flags=re.MULTILINE)
    assert sorted(page for page, _ in rows) == sorted(
        path.name for path in EXAMPLES.glob("*.md") if path.stem != "README"
    )
    assert len(rows) == len(PROGRAMS) == 5
    for page, command in rows:
        assert re.search(rf"^{re.escape(command)}", (EXAMPLES / page).read_text(), flags=re.MULTILINE), command


def without_a_broker(program: Path) -> tuple[int, str, str]:
    """Exit status and output of the first command in its docstring."""
    [first, *_] = re.findall(rf"^ *python examples/{program.name} *([^#\n]*)", program.read_text(), re.MULTILINE)
    command = [sys.executable, str(program), "--bootstrap", "localhost:1", *first.split()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_without_a_broker_each_says_what_to_do() -> None:
    expected = "no Kafka answers at localhost:1: start one with `make up`, or name yours with --bootstrap\n"
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(without_a_broker, PROGRAMS)) == [(1, "", expected)] * len(PROGRAMS)

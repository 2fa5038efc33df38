"""Manual pages and completions of the packages: of each command and option that there is."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import shtab

from logpost.cli import command_parser
from packages.manual import only, pages
from packages.staging import SHELLS

PAGES = pages(command_parser(), version="9.9", date="2026-01-02")


def every_parser(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested in action.choices.values():
                yield from every_parser(nested)


def plain(roff: str) -> str:
    return re.sub(r"\\f[BIR]|\\&", "", roff).replace("\\-", "-").replace("\\e", "\\")


def test_each_command_has_a_page_that_whatis_finds() -> None:
    assert {"logpost.1", "logpost-agent.1", "logpost-broker.1", "logpost-search.1", "logpost-up.1"} <= PAGES.keys()
    for name, page in PAGES.items():
        title = name.removesuffix(".1")
        head = f'.TH {title.upper()} 1 "2026-01-02" "logpost 9.9" "logpost"\n.SH NAME\n{title} - '
        assert plain(page).startswith(head)


def test_every_option_and_argument_is_explained() -> None:
    text = plain("\n".join(PAGES.values()))
    for parser in every_parser(command_parser()):
        for action in parser._actions:
            for name in action.option_strings:
                assert name in text
            if action.help and "%(" not in action.help and action.help is not argparse.SUPPRESS:
                assert action.help in text


def test_no_text_is_taken_for_a_request() -> None:
    parser = argparse.ArgumentParser(prog="it", description=".one\n'two back\\slash")
    page = pages(parser, version="1", date="2026-01-01")["it.1"]
    assert "\\&.one\n\\&'two back\\eslash" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_pages_are_good_roff() -> None:
    for page in PAGES.values():
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stderr == ""


def test_a_package_tells_of_its_own_commands_alone() -> None:
    agent = pages(only(command_parser(), {"agent", "config"}), version="1", date="2026-01-01")
    assert agent.keys() == {"logpost.1", "logpost-agent.1", "logpost-config.1"}
    assert "search" not in agent["logpost.1"]
    assert "search" not in shtab.complete(only(command_parser(), {"agent", "config"}), shell="bash")


@pytest.mark.parametrize("shell", SHELLS)
def test_completions_know_every_command(shell: str, tmp_path: Path) -> None:
    text = shtab.complete(command_parser(), shell=shell)
    for parser in every_parser(command_parser()):
        assert parser.prog.split()[-1] in text
    program = shutil.which(shell)
    if program is not None:
        file = tmp_path / shell
        file.write_text(text)
        subprocess.run([program, "-n", file], check=True, timeout=60)

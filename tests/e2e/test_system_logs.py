"""The logs of 16 systems, appended line by line to tailed files, are all found: every line, once, as it was."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator

import pytest

from logpost.record import format_ts
from tests.support.appliance import Appliance
from tests.support.system_logs import LINES, SYSTEMS, Line, lines_of

FIRST = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(days=40)
"""Lines without a year are taken for the newest that is not in the future."""


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    directory = tmp_path_factory.mktemp("systems")
    tailed = directory / "tailed"
    tailed.mkdir()
    sources = f"""
    [[agent.source]]
    type = "file"
    paths = ["{tailed}/*.log"]
    timezone = "UTC"
    """
    with Appliance(directory, sources=sources) as appliance:
        for name in SYSTEMS:
            with (tailed / f"{name}.log").open("ab", buffering=0) as target:
                for line in lines_of(name, FIRST):
                    target.write(line.text.encode() + b"\n")
        appliance.await_total(len(SYSTEMS) * LINES)
        yield appliance


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_line_is_found_as_it_was_with_its_time_and_level(indexed: Appliance, name: str) -> None:
    found = Counter((row["message"], row["ts"], row["level"]) for row in indexed.rows(f"service:{name}"))
    assert found == Counter((line.text, format_ts(line.time_ns), line.level) for line in lines_of(name, FIRST))


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_line_is_found_by_a_phrase_of_it(indexed: Appliance, name: str) -> None:
    line = next(line for line in lines_of(name, FIRST) if not set('"\\') & set(line.text))
    phrase = _last_words(line, 3)
    matching = {row["message"] for row in indexed.rows(f'service:{name} "{phrase}"')}
    assert line.text in matching
    assert all(phrase.lower() in message.lower() for message in matching)


def _last_words(line: Line, count: int) -> str:
    return " ".join(line.text.split()[-count:])

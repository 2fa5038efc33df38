"""Real logs of 16 systems, appended line by line to tailed files, are all found: every line, once, as it was."""

import collections
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import Appliance

LOGHUB = Path(__file__).parents[3] / "shared" / "loghub"
FILES = sorted(LOGHUB.glob("*.log"))
LINES = 2000

pytestmark = pytest.mark.skipif(len(FILES) != 16, reason="needs the 16 loghub samples in ../shared/loghub")

# The time of the first line, zone UTC; systems without a year by month and day. BGL and Thunderbird also write
# their local time, in California; the Unix time beside it is the one to trust.
FIRST_TIME = {
    "Android": "03-17T16:13:38.811",
    "Apache": "2005-12-04T04:47:44",
    "BGL": "2005-06-03T22:42:50.675872",
    "HDFS": "2008-11-09T20:36:15",
    "HPC": "2004-02-26T14:12:22",
    "Hadoop": "2015-10-18T18:01:47.978",
    "HealthApp": "2017-12-23T22:15:29.606",
    "Linux": "06-14T15:16:01",
    "Mac": "07-01T09:00:55",
    "OpenSSH": "12-10T06:55:46",
    "OpenStack": "2017-05-16T00:00:00.008",
    "Proxifier": "10-30T16:49:06",
    "Spark": "2017-06-09T20:10:40",
    "Thunderbird": "2005-11-09T20:01:01",
    "Windows": "2016-09-28T04:30:30",
    "Zookeeper": "2015-07-29T17:41:44.747",
}
# The words by which a person counts levels in these files.
LEVEL_WORDS = {
    "Apache": {"[notice]": "info", "[error]": "error"},
    "HDFS": {" INFO ": "info", " WARN ": "warn"},
    "Hadoop": {" INFO ": "info", " WARN ": "warn", " ERROR ": "error", " FATAL ": "fatal"},
    "OpenStack": {" INFO ": "info", " WARNING ": "warn", " ERROR ": "error"},
    "Spark": {" INFO ": "info", " WARN ": "warn", " ERROR ": "error"},
    "Windows": {", Info ": "info", ", Warning ": "warn", ", Error ": "error"},
    "Zookeeper": {" - INFO ": "info", " - WARN ": "warn", " - ERROR ": "error"},
}


def lines_of(file: Path) -> list[str]:
    """The lines as an editor shows them."""
    return [line.rstrip(b"\r\n").decode() for line in file.read_bytes().split(b"\n") if line.strip()]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    directory = tmp_path_factory.mktemp("loghub")
    tailed = directory / "tailed"
    tailed.mkdir()
    sources = f"""
    [[agent.source]]
    type = "file"
    paths = ["{tailed}/*.log"]
    timezone = "UTC"
    """
    with Appliance(directory, sources=sources) as appliance:
        for file in FILES:
            with (tailed / file.name).open("ab", buffering=0) as target:
                for line in file.read_bytes().splitlines(keepends=True):
                    target.write(line)
        appliance.await_total(len(FILES) * LINES)
        yield appliance


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_is_found_as_it_was(indexed: Appliance, file: Path) -> None:
    found = [row["message"] for row in indexed.rows(f"service:{file.stem}")]
    assert len(found) == LINES
    assert collections.Counter(found) == collections.Counter(lines_of(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_rare_line_is_found_by_a_phrase(indexed: Appliance, file: Path) -> None:
    counts = collections.Counter(lines_of(file))
    rare = next(line for line, count in counts.items() if count == 1 and not set('"\\') & set(line))
    phrase = rare[len(rare) // 3 :].strip()
    expected = sum(phrase.lower() in line.lower() for line in counts.elements())
    matching = [row["message"] for row in indexed.rows(f'service:{file.stem} "{phrase}"')]
    assert rare in matching
    assert len(matching) == expected


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_time_is_the_lines_own(indexed: Appliance, file: Path) -> None:
    first = lines_of(file)[0]
    times = {row["ts"] for row in indexed.rows(f"service:{file.stem}") if row["message"] == first}
    expected = FIRST_TIME[file.stem]
    assert any(expected in ts for ts in times), times
    if not expected.startswith("20"):
        year = datetime.datetime.now(datetime.UTC).year
        assert {ts[:4] for ts in times} <= {str(year), str(year - 1)}


@pytest.mark.parametrize("system", LEVEL_WORDS)
def test_levels_are_those_that_the_lines_carry(indexed: Appliance, system: str) -> None:
    words = LEVEL_WORDS[system]
    # The first level word of a line is its level; later ones belong to the message.
    expected: collections.Counter[str] = collections.Counter()
    for line in lines_of(LOGHUB / f"{system}.log"):
        present = [(line.index(word), level) for word, level in words.items() if word in line]
        expected[min(present)[1] if present else ""] += 1
    found = collections.Counter(row["level"] for row in indexed.rows(f"service:{system}"))
    assert found == expected

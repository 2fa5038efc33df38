"""The sources that settings name, and which of them begin again with others."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from logpost.agent.configured import others, sources
from logpost.config import Config, load
from logpost.errors import ConfigError

FILE = '[[agent.source]]\ntype = "file"\npaths = ["{}"]\n'
JOURNAL = '[[agent.source]]\ntype = "journal"\nsince = "{}"\n'


def config(directory: Path, text: str) -> Config:
    file = directory / "logpost.toml"
    file.write_text(text)
    return load(file, {}, {"data": str(directory / "data")}).config


def test_all_files_are_one_source_and_the_journal_another(tmp_path: Path) -> None:
    found = sources(config(tmp_path, FILE.format("/a") + FILE.format("/b") + JOURNAL.format("-1h")), host_logs=False)
    assert list(found) == ["file", "journal"]


def test_nothing_to_read_and_two_journals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to read"):
        sources(config(tmp_path, ""), host_logs=False)
    with pytest.raises(ConfigError, match="only one source"):
        sources(config(tmp_path, JOURNAL.format("-1h") * 2), host_logs=False)


@pytest.mark.parametrize(
    ("before", "after", "begin_again", "end"),
    [
        (FILE.format("/a"), FILE.format("/a"), set(), set()),
        (FILE.format("/a"), FILE.format("/b"), {"file"}, set()),
        (FILE.format("/a"), "[agent]\nmax_in_flight = 7\n" + FILE.format("/a"), set(), set()),
        (FILE.format("/a"), "[agent]\npoll_seconds = 7\n" + FILE.format("/a"), {"file"}, set()),
        (FILE.format("/a"), FILE.format("/a") + JOURNAL.format("-1h"), {"journal"}, set()),
        (FILE.format("/a") + JOURNAL.format("-1h"), FILE.format("/b") + JOURNAL.format("-1h"), {"file"}, set()),
        (FILE.format("/a") + JOURNAL.format("-1h"), FILE.format("/a") + JOURNAL.format("-2h"), {"journal"}, set()),
        (FILE.format("/a") + JOURNAL.format("-1h"), FILE.format("/a"), set(), {"journal"}),
        (JOURNAL.format("-1h"), FILE.format("/a"), {"file"}, {"journal"}),
    ],
)
def test_only_what_differs_begins_again(
    tmp_path: Path, before: str, after: str, begin_again: set[str], end: set[str]
) -> None:
    found = others(config(tmp_path, before), config(tmp_path, after), host_logs=False)
    assert {name for name, begin in found.items() if begin is not None} == begin_again
    assert {name for name, begin in found.items() if begin is None} == end


def test_the_hosts_own_logs_give_way_to_configured_ones(tmp_path: Path) -> None:
    found = others(config(tmp_path, ""), config(tmp_path, FILE.format("/a")), host_logs=True)
    assert found["file"] is not None


def log_files(config: Config) -> list[str]:
    """Of the parts, those that are read where no source is configured."""
    begin = sources(config, host_logs=True)["file"]
    assert isinstance(begin, partial)
    data = config.data_directory()
    return [path for file_set in begin.args[0] for path in file_set.rules.find() if path.startswith(str(data))]


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="needs journalctl")
def test_what_the_parts_say_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the journal where it goes there, else from the files of `logpost up`."""
    log = tmp_path / "data" / "log" / "web.log"
    log.parent.mkdir(parents=True)
    log.touch()
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert log_files(config(tmp_path, "")) == [str(log)]
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234")
    assert log_files(config(tmp_path, "")) == []
    monkeypatch.setenv("PATH", str(tmp_path))  # without journalctl
    assert log_files(config(tmp_path, "")) == [str(log)]

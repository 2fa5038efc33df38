from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import steps


@pytest.fixture
def times() -> list[str]:
    return []


def fill(times: list[str], text: str, *, fails: bool = False) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        times.append(text)
        (directory / text).write_text("")
        if fails:
            raise steps.BuildError("not today")

    return make


def test_a_step_is_done_once(tmp_path: Path, times: list[str]) -> None:
    for _ in range(2):
        assert steps.once(tmp_path / "one", ("source", 1), fill(times, "a")) == tmp_path / "one"
    assert times == ["a"]


def test_what_it_is_made_of_makes_it_new(tmp_path: Path, times: list[str]) -> None:
    steps.once(tmp_path / "one", "version 1", fill(times, "a"))
    steps.once(tmp_path / "one", "version 2", fill(times, "b"))
    assert times == ["a", "b"]
    assert not (tmp_path / "one" / "a").exists()


def test_a_step_that_failed_is_not_done(tmp_path: Path, times: list[str]) -> None:
    with pytest.raises(steps.BuildError):
        steps.once(tmp_path / "one", "version 1", fill(times, "a", fails=True))
    steps.once(tmp_path / "one", "version 1", fill(times, "b"))
    assert times == ["a", "b"]
    assert not (tmp_path / "one" / "a").exists()


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are written. The time is given: git does not know it everywhere."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    monkeypatch.setattr(steps, "LOGS", tmp_path / "log")
    return tmp_path / "log"


def test_a_command_that_fails_says_its_last_lines_and_where_all_of_them_are(tmp_path: Path, logs: Path) -> None:
    with pytest.raises(steps.BuildError) as caught:
        steps.run(["sh", "-c", "echo no rule to make target; exit 3"], cwd=tmp_path, log="make.log")
    assert "no rule to make target" in str(caught.value)
    assert str(logs / "make.log") in str(caught.value)


def test_a_command_that_is_missing_says_how_to_have_it(tmp_path: Path, logs: Path) -> None:
    with pytest.raises(steps.BuildError, match="no-such-program is not installed"):
        steps.run(["no-such-program"], cwd=tmp_path, log="make.log")


def test_flags_of_the_builder_reach_no_compiler(tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-march=native")
    steps.run(["env"], cwd=tmp_path, log="env.log", environment={"CC": "cc"})
    said = (logs / "env.log").read_text().splitlines()
    assert not any(line.startswith("CFLAGS=") for line in said)
    assert {"CC=cc", "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1800000000"} <= set(said)

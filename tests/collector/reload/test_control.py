"""Asking a part that runs, by its directory."""

import os
import stat
import threading
from pathlib import Path

import pytest

from logpost.errors import ConfigError, StartError
from logpost.reload.changes import Reloaded
from logpost.reload.control import NAME, Answer, Control, ask, outcome
from logpost.service import DirectoryLock

DONE = Answer(reloaded=Reloaded(applied=("agent.source",), unchanged=("data",)))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Its path is longer than the address of a socket may be."""
    made = tmp_path / ("x" * 200) / "agent"
    made.mkdir(parents=True)
    return made


def test_a_part_that_runs_answers(directory: Path) -> None:
    control = Control(directory, lambda: DONE)
    assert (ask(directory), ask(directory)) == (DONE, DONE)
    control.close()
    assert not (directory / NAME).exists()
    assert ask(directory) is None


def test_the_socket_of_one_that_was_killed_is_no_part(directory: Path) -> None:
    killed = Control(directory, lambda: DONE)
    (directory / NAME).rename(directory / "kept")
    killed.close()
    (directory / "kept").rename(directory / NAME)
    assert ask(directory) is None
    control = Control(directory, lambda: DONE)
    assert ask(directory) == DONE
    control.close()


def test_the_end_of_one_takes_nothing_from_the_next(directory: Path) -> None:
    before = Control(directory, lambda: DONE)
    after = Control(directory, lambda: DONE)
    before.close()
    assert ask(directory) == DONE
    after.close()


def test_a_directory_that_is_not_there_is_no_part(tmp_path: Path) -> None:
    assert ask(tmp_path / "nothing") is None


def test_a_part_that_starts_is_not_passed_over(directory: Path) -> None:
    """It may have read the settings before they were changed."""
    lock = DirectoryLock(directory)
    with pytest.raises(StartError, match=rf"\(process {os.getpid()}\) starts or ends: .* reload again when it runs"):
        ask(directory)
    lock.release()
    assert ask(directory) is None


def test_only_the_owner_can_ask(directory: Path) -> None:
    before = os.umask(0o027)
    try:
        control = Control(directory, lambda: DONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((directory / NAME).stat().st_mode) & 0o022 == 0
    control.close()


def test_who_asks_at_once_is_answered_in_turn(directory: Path) -> None:
    asked = []

    def answer() -> Answer:
        asked.append(threading.current_thread())
        return DONE

    control = Control(directory, answer)
    asking = [threading.Thread(target=ask, args=(directory,)) for _ in range(5)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(60)
    control.close()
    assert (len(asked), len(set(asked))) == (5, 1)


def test_a_part_that_does_not_answer_is_not_waited_for_for_ever(directory: Path) -> None:
    answering = threading.Event()

    def late() -> Answer:
        answering.wait(60)
        return DONE

    control = Control(directory, late)
    with pytest.raises(StartError, match=r"no answer by .*control: timed out"):
        ask(directory, 0.05)
    answering.set()
    control.close()


def test_a_refusal_and_a_failure_are_told() -> None:
    assert outcome(DONE) == DONE.reloaded
    with pytest.raises(ConfigError, match=r"^unknown key x; the settings stay as they were$"):
        outcome(Answer(refused="unknown key x"))
    with pytest.raises(StartError, match="busy"):
        outcome(Answer(failed="busy"))

"""Work of other threads, done by one between its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from logpost.errors import LogpostError
from logpost_web.indexer import errands as module
from logpost_web.indexer.errands import BusyError, Errands


def raise_(error: Exception) -> None:
    raise error


def fail() -> None:
    raise LogpostError("it failed")


def test_work_is_done_by_who_runs_it_and_its_caller_gets_what_came_of_it() -> None:
    errands = Errands()
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(errands.ask, threading.get_ident, changes=False)
        while not errands.are_waiting:
            threading.Event().wait(0.001)
        assert not errands.run()
        assert asked.result() == threading.get_ident()
        for work, changes in ((fail, False), (fail, True)):
            failed = threads.submit(errands.ask, work, changes=changes)
            while not errands.are_waiting:
                threading.Event().wait(0.001)
            assert errands.run() is changes
            with pytest.raises(LogpostError, match="it failed"):
                failed.result()
    assert not errands.run()


def test_an_error_that_nobody_foresaw_reaches_who_asked_and_who_works() -> None:
    errands = Errands(ValueError)
    for error in (ValueError("told"), RuntimeError("unforeseen")):
        answer = errands.put(partial(raise_, error))
        if isinstance(error, ValueError):
            assert not errands.run()
        else:
            with pytest.raises(RuntimeError, match="unforeseen"):
                errands.run()
        assert answer.exception(0) is error


def test_work_that_nobody_comes_to_is_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    errands, done = Errands(), list[int]()
    work: Callable[[], None] = lambda: done.append(1)  # noqa: E731
    with pytest.raises(BusyError, match="the indexer is busy"):
        errands.ask(work, changes=True)
    assert not errands.run()
    assert done == []

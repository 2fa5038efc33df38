"""Ends of a process that run no `atexit`: whatever is still to be done is done before.

- `os._exit`: so end children of `multiprocessing`, of Celery's pool, and parents of daemons.
- `os.exec…`: the process goes on as another program.
- A signal whose default action ends the process. uvicorn, for one, shuts down and then sends itself SIGTERM once more,
  with the default action.

Python has no hook for any of them, so the functions of `os` and `signal` are replaced, once a process.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_FUNCTIONS = ("_exit", "execv", "execve")
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_lock = threading.Lock()
_is_watching = False


def watch(finish: Callable[[], None]) -> None:
    """Call `finish` before each such end. The first call counts, further ones do nothing."""
    global _is_watching
    with _lock:
        if _is_watching:
            return
        _is_watching = True
    for name in _FUNCTIONS:
        setattr(os, name, _preceded(getattr(os, name), finish))
    _watch_signals(finish)


def _preceded(end: Callable[..., Any], finish: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(end)
    def finish_and_end(*arguments: Any, **named: Any) -> Any:
        # Not even a second Ctrl-C keeps a process from its end.
        with contextlib.suppress(BaseException):
            finish()
        return end(*arguments, **named)

    return finish_and_end


def _watch_signals(finish: Callable[[], None]) -> None:
    """The default action becomes ours; a program that asks for it, or sets it, sees no difference."""
    set_action, get_action = signal.signal, signal.getsignal

    def end(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(BaseException):
            finish()
        set_action(number, signal.SIG_DFL)
        signal.raise_signal(number)

    @functools.wraps(set_action)
    def replaced_signal(number: int, action: Any) -> Any:
        previous = set_action(number, end if number in _SIGNALS and action == signal.SIG_DFL else action)
        return signal.SIG_DFL if previous is end else previous

    @functools.wraps(get_action)
    def replaced_getsignal(number: int) -> Any:
        action = get_action(number)
        return signal.SIG_DFL if action is end else action

    vars(signal).update(signal=replaced_signal, getsignal=replaced_getsignal)
    for number in _SIGNALS:
        if get_action(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # only the main thread may set it
                set_action(number, end)

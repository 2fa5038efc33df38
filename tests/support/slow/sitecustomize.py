"""Each Python that has this folder in its PYTHONPATH starts logpost slowly: each log that the broker recovers, and the
store that the web opens, take SLOW_SECONDS first. Where the file STUCK is there, it is removed, and
one of them never ends. Who listens hears within SLOW_ALLOWED seconds that a start gets on.
"""

import os
import threading
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

ALLOWED_SECONDS = float(os.environ["SLOW_ALLOWED"])
SLOW_SECONDS = float(os.environ["SLOW_SECONDS"])


def compute() -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < SLOW_SECONDS:
        sum(range(10_000))


def wait() -> None:
    threading.Event().wait(SLOW_SECONDS)


def may_stick() -> None:
    stuck = Path(os.environ["STUCK"])
    if stuck.exists():
        stuck.unlink()
        threading.Event().wait()


def slowly(call: Callable[..., Any], spend: Callable[[], None]) -> Callable[..., Any]:
    def slow(*arguments: Any, **named: Any) -> Any:
        may_stick()
        spend()
        return call(*arguments, **named)

    return slow


def change(module: ModuleType) -> None:
    match module.__name__:
        case "logpost.systemd.working":
            module.ALLOWED_SECONDS = ALLOWED_SECONDS  # type: ignore[attr-defined]
            module.LOOK_SECONDS = ALLOWED_SECONDS / 10  # type: ignore[attr-defined]
        case "logpost_broker.broker":
            module.ADVANCE_SECONDS = ALLOWED_SECONDS  # type: ignore[attr-defined]
        case "logpost_broker.partitions.directory":
            module.recover = slowly(module.recover, wait)  # type: ignore[attr-defined]
        case "logpost_web.store.store":
            module.Store.open = slowly(module.Store.open, compute)


load = SourceFileLoader.exec_module


def load_and_change(loader: SourceFileLoader, module: ModuleType) -> None:
    load(loader, module)
    change(module)


SourceFileLoader.exec_module = load_and_change  # type: ignore[method-assign,assignment]

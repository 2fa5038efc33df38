"""A store for tests: embedded, or with `--store-server` on a ClickHouse server (`clickhouse_front`)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logpost.config import StoreConfig
from logpost_web.store.store import Store
from tests.support.processes import free_port


class ClickHouse:
    """A server in a process of its own; see `clickhouse_front`. Use it as a context manager."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ClickHouse:
        command = [sys.executable, "-m", "tests.support.clickhouse_front", str(self.directory), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate(b"")

    @property
    def url(self) -> str:
        return f"clickhouse://default@127.0.0.1:{self.port}/default"

    @property
    def config(self) -> StoreConfig:
        return StoreConfig(url=self.url)

    def plan(self, kind: str, containing: str, times: int = 1) -> None:
        """A fault for the next statements that contain this text; see `clickhouse_front.FAULTS`."""
        fault = json.dumps({"kind": kind, "containing": containing, "times": times}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/fault", fault, timeout=60):
            pass

    def statements(self) -> list[dict[str, Any]]:
        """Each statement so far: `sql` (its first 2,000 characters) and `settings`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/statements", timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@contextlib.contextmanager
def opened_store(request: pytest.FixtureRequest, directory: Path) -> Iterator[Store]:
    with contextlib.ExitStack() as stack:
        config = StoreConfig()
        if request.config.getoption("--store-server"):
            config = stack.enter_context(ClickHouse(directory / "server")).config
        store = Store.open(config, directory / "store")
        stack.callback(store.close)
        yield store

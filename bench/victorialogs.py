"""VictoriaLogs' side of `bench.search`: one process, which is given lines over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.sides import Asked, Client, Loaded, allocated, await_quiet, batches, paced
from bench.usage import Usage, usage_of
from tests.support.appliance import await_condition
from tests.support.processes import free_port

LOADERS = 2
BATCHES_AT_ONCE = 200
READY_SECONDS = 60.0
LINES_PER_SECOND = 2_000
END_SECONDS = 60.0
HUNDRED_YEARS = "100y"
_INSERT = "/insert/jsonline?" + urlencode(
    {"_stream_fields": "host,service", "_time_field": "ts", "_msg_field": "message"}
)


def program(name: str) -> str | None:
    """Where a peer is: what the variable of its name says (`VICTORIA_LOGS`, `VLAGENT`), else the PATH."""
    return os.environ.get(name.upper().replace("-", "_")) or shutil.which(name)


class VictoriaLogs:
    """With default settings, but for its retention."""

    name = "VictoriaLogs"

    def __init__(self, directory: Path, binary: str) -> None:
        directory.mkdir()
        self.port = free_port()
        self._data = directory / "data"
        self._said = directory / "said"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    *(binary, f"-storageDataPath={self._data}", f"-httpListenAddr=127.0.0.1:{self.port}"),
                    f"-retentionPeriod={HUNDRED_YEARS}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        await_condition(self._is_ready, "VictoriaLogs is ready", READY_SECONDS)

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._said.read_text()
        client = self.client()
        try:
            client.ask(Asked("/health", {}))
        except OSError:
            return False
        finally:
            client.close()
        return True

    def load(self, file: Path, lines: int) -> Loaded:
        begun, before = time.monotonic(), self._cpu()
        self._insert_all(file, lines)
        seconds = time.monotonic() - begun
        await_quiet(self)
        return Loaded(seconds=seconds, cpu_seconds={"store": self._cpu() - before})

    def grow(self, file: Path, total: int) -> None:
        self._insert_all(file, total)
        await_quiet(self)

    def _insert_all(self, file: Path, total: int) -> None:
        with ThreadPoolExecutor(LOADERS) as loaders:
            waiting = batches(file)
            while several := list(islice(waiting, BATCHES_AT_ONCE)):
                list(loaders.map(self._insert, several))
        bound = 120 + total / LINES_PER_SECOND
        await_condition(lambda: self.total() == total, "all lines are searchable", bound, every=0.5)

    def _insert(self, lines: list[bytes]) -> None:
        client = self.client()
        client.post(_INSERT, b"".join(lines))
        client.close()

    def total(self, query: str = "*") -> int:
        client = self.client()
        _, body = client.ask(Asked("/select/logsql/query", {"query": f"{query} | stats count() as lines"}))
        client.close()
        return int(json.loads(body)["lines"])

    def feeder(self, file: Path, rate: float, seconds: float) -> Callable[[], None]:
        return partial(feed, self.port, file, rate, seconds)

    def client(self) -> Client:
        return Client(self.port)

    def usage(self) -> dict[str, Usage]:
        return {"store": usage_of(self._process.pid)}

    def _cpu(self) -> float:
        return self.usage()["store"].cpu_seconds

    def disk(self) -> dict[str, int]:
        store = allocated(self._data)
        return {"store": store, "rows": store}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(END_SECONDS)


def feed(port: int, file: Path, rate: float, seconds: float) -> None:
    client = Client(port)
    for lines in paced(file, rate, seconds):
        client.post(_INSERT, b"".join(lines))
    client.close()


def rows(query: str, start: str, end: str) -> Asked:
    """The newest 100."""
    return Asked("/select/logsql/query", {"query": query, "start": start, "end": _last(end), "limit": 100})


def counts(query: str, start: str, end: str, *, buckets: int = 50, by: str = "level") -> Asked:
    width = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / buckets
    parameters: dict[str, Any] = {"query": query, "start": start, "end": _last(end), "step": f"{width:g}s", "field": by}
    return Asked("/select/logsql/hits", parameters)


def _last(end: str) -> str:
    """Its `end` is the last second that it takes with it, ours the first that is left out."""
    return end.replace("Z", ".000000000Z")


def found(body: bytes) -> dict[str, int]:
    """Lines of an answer by value of their grouping; rows are of none."""
    if not body.startswith(b'{"hits"'):
        return {"": body.count(b"\n")}
    return {next(iter(hit["fields"].values()), ""): hit["total"] for hit in json.loads(body)["hits"] if hit["total"]}

"""What `bench.search` compares: a store that takes lines, answers questions, and is measured from outside."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain, count
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from bench.usage import Usage
from tests.support.appliance import await_condition

ANSWER_SECONDS = 120.0
AGAIN_SECONDS = 0.1
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
SETTLE_SECONDS = 600.0
"""How long merges may take at most."""
QUIET_SECONDS = 10.0
QUIET_CPU = 0.08
"""Of a core: less, for QUIET_SECONDS, is a store that has merged what it wants to merge."""
BATCH_LINES = 2_000
BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a store's HTTP API."""

    path: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """`seconds`: until the last line was found. CPU by process, in seconds, with the merges behind it."""

    seconds: float
    cpu_seconds: dict[str, float]


class Side(Protocol):
    """A store with all that it needs, over an empty directory."""

    name: str

    def load(self, file: Path, lines: int) -> Loaded:
        """All `lines` of a file of JSON lines, until all are found and merged."""

    def grow(self, file: Path, total: int) -> None:
        """Load more lines, until `total` are found and merged."""

    def feeder(self, file: Path, rate: float, seconds: float) -> Callable[[], None]:
        """Sends `rate` lines a second, of such a file, again and again; another process can be given it."""

    def client(self) -> Client: ...

    def usage(self) -> dict[str, Usage]:
        """By process."""

    def disk(self) -> dict[str, int]:
        """Bytes: allocated for `store` and `topic`; of live `rows`, without what merges left behind."""

    def stop(self) -> None: ...


class Client:
    """A connection that is kept, used by one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)

    def ask(self, asked: Asked) -> tuple[float, bytes]:
        """Seconds until the last byte, and the answer; one that is busy is asked again, and that counts. Raises OSError
        where there is none."""
        begun = time.perf_counter()
        while True:
            status, body = self._get(asked)
            seconds = time.perf_counter() - begun
            if status == HTTPStatus.OK:
                return seconds, body
            if status not in BUSY or seconds > ANSWER_SECONDS:
                raise OSError(f"{asked}: {status} {body[:500]!r}")
            time.sleep(AGAIN_SECONDS)

    def _get(self, asked: Asked) -> tuple[int, bytes]:
        self._connection.request("GET", f"{asked.path}?{urlencode(asked.parameters)}")
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def post(self, path: str, body: bytes) -> None:
        """Raises OSError where it is refused."""
        self._connection.request("POST", path, body, {"Content-Type": "application/x-ndjson"})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise OSError(f"{path}: {answer.status} {said[:500]!r}")

    def close(self) -> None:
        self._connection.close()


def batches(file: Path) -> Iterator[list[bytes]]:
    """The lines of a file, BATCH_LINES at a time."""
    found: list[bytes] = []
    with file.open("rb") as opened:
        for line in opened:
            found.append(line)
            if len(found) == BATCH_LINES:
                yield found
                found = []
    if found:
        yield found


def paced(file: Path, rate: float, seconds: float) -> Iterator[list[bytes]]:
    """The same, again and again, at `rate` lines a second for so many `seconds`."""
    begun = time.monotonic()
    sent = 0
    for found in chain.from_iterable(batches(file) for _ in count()):
        time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
        if time.monotonic() - begun > seconds:
            return
        yield found
        sent += len(found)


def await_quiet(side: Side) -> None:
    """Until the store has nothing to do any more."""
    since = time.monotonic()
    last = total_cpu(side)

    def is_quiet() -> bool:
        nonlocal since, last
        now, cpu = time.monotonic(), total_cpu(side)
        if cpu - last > QUIET_CPU * max(now - since, 1.0):
            since, last = now, cpu
        return now - since >= QUIET_SECONDS

    await_condition(is_quiet, f"{side.name} has merged", SETTLE_SECONDS, every=1.0)


def total_cpu(side: Side) -> float:
    return sum(usage.cpu_seconds for usage in side.usage().values())


def allocated(directory: Path) -> int:
    """Blocks on the disk of all that lies there."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.lstat().st_blocks * BLOCK_BYTES
        except FileNotFoundError:  # a store takes parts away while it merges
            continue
    return total

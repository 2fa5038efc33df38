"""Broker, web and agent as real processes over one data directory, for end-to-end tests."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.apache_kafka import ApacheKafka
from tests.support.processes import Part, free_port

SEARCHABLE_SECONDS = 90.0
PAGE_ROWS = 5000


class Appliance:
    """`with Appliance(directory, sources=TOML) as appliance`: every part is started, and stopped at the end. `metrics`:
    broker and agent serve theirs. `kafka`: another one instead of the embedded broker, not started yet."""

    def __init__(
        self, directory: Path, *, sources: str, metrics: bool = False, kafka: ApacheKafka | None = None
    ) -> None:
        self.data = directory / "data"
        self.web_port = free_port()
        config = directory / "logpost.toml"
        config.write_text(sources)
        settings: dict[str, object] = {
            "broker.port": free_port(),
            "broker.metrics_port": free_port() if metrics else 0,
            "web.port": self.web_port,
            "agent.metrics_port": free_port() if metrics else 0,
        }
        settings["kafka.bootstrap_servers"] = (
            kafka.bootstrap_servers if kafka else f"localhost:{settings['broker.port']}"
        )
        self.bootstrap_servers = str(settings["kafka.bootstrap_servers"])
        options = ("--config", str(config), "--data", str(self.data))
        self.broker, self.web, self.agent = (
            Part(name, *options, settings=settings) for name in ("broker", "web", "agent")
        )
        self.kafka: Part | ApacheKafka = kafka or self.broker

    def __enter__(self) -> Appliance:
        for part in (self.kafka, self.web, self.agent):
            part.start()
        return self

    def __exit__(self, *_: object) -> None:
        for part in (self.agent, self.web, self.kafka):
            part.__exit__()

    def url(self, path: str, **parameters: object) -> str:
        return f"http://127.0.0.1:{self.web_port}{path}?{urllib.parse.urlencode(parameters)}"

    def get(self, path: str, **parameters: object) -> Any:
        """The JSON answer of `GET path?parameters`."""
        with urllib.request.urlopen(self.url(path, **parameters), timeout=60) as answer:
            return json.load(answer)

    def total(self, query: str = "") -> int:
        """Rows that match; without start and end that is over all time."""
        return int(self.get("/api/histogram", q=query, buckets=10)["total"])

    def rows(self, query: str = "") -> Iterator[dict[str, Any]]:
        """All rows that match, over all time, page by page."""
        cursor = ""
        while True:
            parameters = {"cursor": cursor} if cursor else {}
            page = self.get("/api/search", q=query, limit=PAGE_ROWS, **parameters)
            yield from page["rows"]
            cursor = page["cursor"]
            if not cursor:
                return

    def whole(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as the store has it, where a page has only the beginning of its message."""
        place = {name: row[name] for name in ("topic", "partition", "offset")}
        record: dict[str, Any] = self.get("/api/record", **place)
        return record

    def await_total(self, expected: int, query: str = "", seconds: float = SEARCHABLE_SECONDS) -> None:
        """Until at least `expected` rows match. Fails when no more have come for `seconds`: how long all of them take
        depends on what else the machine does."""
        most, since = -1, time.monotonic()
        while (total := self._total_or_minus_one(query)) < expected:
            if total > most:
                most, since = total, time.monotonic()
            if time.monotonic() - since > seconds:
                raise AssertionError(
                    f"{most} of {expected} rows of {query!r}, no more for {seconds} s\n{self._state()}"
                )
            time.sleep(0.05)

    def _state(self) -> str:
        """What the parts said last."""
        parts = (self.broker, self.web, self.agent)
        return "\n".join(
            f"{part.arguments[0]}, exit status {part.process.poll()}:\n  " + "\n  ".join(part.lines[-20:])
            for part in parts
        )

    def _total_or_minus_one(self, query: str) -> int:
        try:
            return self.total(query)
        except (urllib.error.URLError, ConnectionError):
            return -1  # the web process is being killed by this very test


def await_condition(condition: Callable[[], bool], what: str, seconds: float, every: float = 0.05) -> None:
    """Ask again and again: what happens in other processes gives this one no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(every)


def await_saved(data: Path, log: Path) -> None:
    """Until all of the log is acknowledged, and that is on the disk: while an agent waits for it, it may be silent."""
    positions, end = data / "agent" / "positions.json", f'"offset":{log.stat().st_size},'
    await_condition(lambda: positions.exists() and end in positions.read_text(), "positions", SEARCHABLE_SECONDS)

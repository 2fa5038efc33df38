"""A broker and a web that are killed, frozen and started again, and what anybody may ask of the web."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from bench.kills.lines import PARTITIONS, SERVICE_THAT_GOES, TOPIC
from bench.kills.opened import IN_USE
from tests.support.appliance import Appliance

BLOCK_ROWS = 1_000
"""Small blocks, one after the other: many moments to be killed at, and many parts to merge."""
START_SECONDS = 240.0
SHOWN = 150
_GRAVE = re.compile(r" ((?:WARNING|ERROR|CRITICAL) .*)|(Traceback.*)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
CLEAN = ("behind", "missing", "stepped_over", "dropped")


class AwayError(Exception):
    """The web cannot be asked."""


class RefusedError(Exception):
    """The web said no: `code`, `status`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Box:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.appliance = Appliance(directory, sources="")
        self.data = self.appliance.data
        self.store = self.data / "store" / "clickhouse"
        self.broker, self.web = self.appliance.broker, self.appliance.web
        self.refused_starts = 0
        """Because a command had the store open; a supervisor tries again, too."""
        self.said: Counter[str] = Counter()
        """Warnings and errors of the web, without numbers and names that differ."""
        self._is_up = False
        self._changing = threading.Lock()
        self.keep(10_000)
        for name, value in {
            "STORE_BLOCK_ROWS": BLOCK_ROWS,
            "STORE_MAX_BYTES": "100%",
            "KAFKA_PARTITIONS": PARTITIONS,
        }.items():
            self.web.environment[f"LOGPOST_{name}"] = str(value)

    def keep(self, hours: int) -> None:
        """Of the lines that retention takes. The web reads it at a reload."""
        text = (
            f'[store]\nkeep = "1000d"\n[[store.retention]]\nquery = "service:{SERVICE_THAT_GOES}"\nkeep = "{hours}h"\n'
        )
        file = self.directory / "logpost.toml"
        new = file.with_suffix(".new")
        new.write_text(text)
        new.replace(file)

    def create_topic(self) -> None:
        """With the producers' time: the web would make one that takes none but the broker's."""
        topic = NewTopic(TOPIC, PARTITIONS, config={"message.timestamp.type": "CreateTime"})
        admin = AdminClient({"bootstrap.servers": self.appliance.bootstrap_servers})
        admin.create_topics([topic])[TOPIC].result()

    def start_web(self) -> float:
        """Until it says that it is ready, also where a command has the store open meanwhile. Returns the seconds."""
        begun = time.monotonic()
        while True:
            try:
                self.web.start(seconds=START_SECONDS)
                with self._changing:
                    self._is_up = True
                return time.monotonic() - begun
            except AssertionError as error:
                if IN_USE not in str(error) or time.monotonic() > begun + START_SECONDS:
                    raise
                self.refused_starts += 1
                time.sleep(0.2)

    def signal_web(self, number: signal.Signals) -> None:
        """Only one that runs: while a program starts, a signal ends it."""
        with self._changing:
            if self._is_up:
                os.kill(self.web.process.pid, number)

    def kill_web(self) -> None:
        with self._changing:
            self._is_up = False
        self.web.kill()
        self.listen()

    def listen(self) -> None:
        """Remember what the web said since it was started, of what is graver than a notice."""
        for line in self.web.lines:
            if found := _GRAVE.search(line):
                self.said[_NUMBER.sub("#", found[1] or found[2])[:SHOWN]] += 1

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None, **parameters: str | int) -> Any:
        """Raises AwayError, RefusedError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.appliance.url(path, **parameters), data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, ValueError, HTTPException) as error:  # also an answer that was cut
            raise AwayError(str(error)) from None

    @staticmethod
    def _refused(error: urllib.error.HTTPError) -> Exception:
        try:
            said = json.loads(error.read())
        except (OSError, ValueError, HTTPException):
            return AwayError(str(error))
        found = said.get("error", {"code": "not_ready", "message": str(said)})
        return RefusedError(error.code, found["code"], found["message"])

    def search(self, query: str, **parameters: str | int) -> Any:
        """Raises AwayError, RefusedError."""
        return self.ask("GET", "/api/search", None, q=query, start="1970-01-01T00:00:00Z", **parameters)

    def messages(self) -> Iterator[str]:
        """Of all rows, page by page. Raises AwayError, RefusedError."""
        cursor: dict[str, str] = {}
        while True:
            page = self.search("", limit=5000, **cursor)
            yield from (row["message"] for row in page["rows"])
            if not page["cursor"]:
                return
            cursor = {"cursor": page["cursor"]}


def is_clean(complete: dict[str, Any]) -> bool:
    """Whether an answer claims to have everything."""
    return (
        complete["indexed_until"] is not None
        and complete["paused"] is None
        and not any(complete[name] for name in CLEAN)
    )

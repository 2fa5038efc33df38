"""The two brokers of a comparison, each a process over a directory of its own: started, given topics, ended."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from confluent_kafka.admin import AdminClient, NewTopic

from bench.usage import Usage, usage_of
from tests.support.apache_kafka import ApacheKafka, answers
from tests.support.processes import Part, free_port

ADMIN_SECONDS = 120.0
DELETE_DELAY_MS = 1000
"""Kafka keeps the files of a deleted topic for a minute: with hundreds of gigabytes written that is a full disk."""


class Process(Protocol):
    """A broker that can be started, asked for its pid, and ended."""

    bootstrap: str
    logs: Path
    """Where the partitions' directories lie."""

    @property
    def pid(self) -> int: ...

    def start(self) -> None:
        """Returns when the first request was answered."""

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class Logpost:
    """The embedded broker with its default settings."""

    def __init__(self, directory: Path) -> None:
        self._port = free_port()
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.logs = directory / "broker"
        settings = {"broker.port": self._port, "broker.metrics_port": 0}
        self._part = Part("broker", "--data", str(directory), settings=settings)

    @property
    def pid(self) -> int:
        return self._part.process.pid

    def start(self) -> None:
        self._part.start(seconds=600)
        assert answers(self._port)

    def stop(self) -> None:
        assert self._part.stop(seconds=120) == 0

    def kill(self) -> None:
        self._part.kill()


class Kafka:
    """Apache Kafka with its default settings and the heap of its own start script."""

    def __init__(self, directory: Path, libs: Path) -> None:
        self._kafka = ApacheKafka(directory, libs, {"log.segment.delete.delay.ms": str(DELETE_DELAY_MS)})
        self.bootstrap = self._kafka.bootstrap_servers
        self.logs = self._kafka.log_directory

    @property
    def pid(self) -> int:
        return self._kafka.process.pid

    def start(self) -> None:
        self._kafka.start()

    def stop(self) -> None:
        self._kafka.stop()

    def kill(self) -> None:
        self._kafka.kill()


class Subject:
    """A broker that runs: what the rows of a benchmark need of it."""

    def __init__(self, name: str, process: Process) -> None:
        """Starts the process."""
        self.name = name
        self._process = process
        self._topics = 0
        started = time.monotonic()
        process.start()
        self.start_seconds = time.monotonic() - started
        """From the spawn to the first answer."""
        self.bootstrap = process.bootstrap
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def usage(self) -> Usage:
        return usage_of(self._process.pid)

    def create_topic(self, partitions: int, configs: Mapping[str, str]) -> str:
        """Answers its name. Raises KafkaException."""
        self._topics += 1
        name = f"bench{self._topics}"
        topic = NewTopic(name, partitions, config=dict(configs))
        self._admin.create_topics([topic], request_timeout=ADMIN_SECONDS)[name].result(ADMIN_SECONDS)
        return name

    def delete_topic(self, name: str) -> None:
        """And let the disk settle: what one row wrote must not be the next one's cost."""
        self._admin.delete_topics([name], request_timeout=ADMIN_SECONDS)[name].result(ADMIN_SECONDS)
        os.sync()

    def stored_bytes(self, topic: str) -> int:
        return sum(file.stat().st_size for file in self._log_files(topic))

    def drop_from_cache(self, topic: str) -> None:
        """Make the next read of the topic come from the disk."""
        os.sync()
        for file in self._log_files(topic):
            fd = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)

    def _log_files(self, topic: str) -> list[Path]:
        return list(self._process.logs.glob(f"{topic}-*/*.log"))

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

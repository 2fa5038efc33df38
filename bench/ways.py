"""What `bench.pipeline` compares: the way of a line from a file to a search, by logpost and by vlagent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from bench.sides import allocated
from bench.usage import Usage, usage_of
from bench.victorialogs import END_SECONDS, VictoriaLogs, program
from tests.support.appliance import Appliance
from tests.support.processes import free_port


class Way(Protocol):
    """Over an empty directory, with default settings; what receives has started."""

    @property
    def parts(self) -> Sequence[str]:
        """What reads the files is the first."""

    def read(self) -> None:
        """Begin to read the files."""

    def total(self, query: str = "") -> int:
        """Lines that are found."""

    def usage(self) -> dict[str, Usage]:
        """By part, of those that run."""

    def disk(self) -> dict[str, int]:
        """Bytes allocated, by what they are for."""

    def stop(self) -> None: ...


class Logpost:
    parts = ("agent", "broker", "web")

    def __init__(self, directory: Path, tailed: Path) -> None:
        sources = f'[[agent.source]]\ntype = "file"\npaths = ["{tailed}/*.log"]\n'
        self._appliance = appliance = Appliance(directory, sources=sources)
        self._running = {"broker": appliance.broker.start(), "web": appliance.web.start()}

    def read(self) -> None:
        self._running["agent"] = self._appliance.agent.start()

    def total(self, query: str = "") -> int:
        return self._appliance.total(query)

    def usage(self) -> dict[str, Usage]:
        return {name: usage_of(part.process.pid) for name, part in self._running.items()}

    def disk(self) -> dict[str, int]:
        return {
            name: allocated(self._appliance.data / where) for name, where in (("topic", "broker"), ("store", "store"))
        }

    def stop(self) -> None:
        for name in self.parts:
            if name in self._running:
                self._running[name].__exit__()


class Vlagent:
    """vlagent follows the files, and sends to a VictoriaLogs."""

    parts = ("vlagent", "victoria-logs")

    def __init__(self, directory: Path, tailed: Path, agent: str, store: str) -> None:
        self._directory = directory
        (directory / "vlagent").mkdir()
        port = free_port()
        self._store = VictoriaLogs(directory / "store", store)
        self._command = [
            agent,
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-fileCollector.glob={tailed}/*.log",
            f"-remoteWrite.url=http://127.0.0.1:{self._store.port}/internal/insert",
            f"-tmpDataPath={directory}/vlagent",
            f"-remoteWrite.tmpDataPath={directory}/vlagent-remote",
        ]
        self._agent: subprocess.Popen[bytes] | None = None

    def read(self) -> None:
        with (self._directory / "vlagent.said").open("wb") as said:
            self._agent = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def total(self, query: str = "") -> int:
        assert self._agent is None or self._agent.poll() is None, (self._directory / "vlagent.said").read_text()
        return self._store.total(query or "*")

    def usage(self) -> dict[str, Usage]:
        agent = {} if self._agent is None else {"vlagent": usage_of(self._agent.pid)}
        return {**agent, "victoria-logs": self._store.usage()["store"]}

    def disk(self) -> dict[str, int]:
        return {"store": self._store.disk()["store"]}

    def stop(self) -> None:
        if self._agent is not None:
            self._agent.terminate()
            self._agent.wait(END_SECONDS)
        self._store.stop()


Make = Callable[[Path, Path], Way]


def ways() -> dict[str, Make]:
    """By name, those that are here; each takes a directory for its data and the directory of the files."""
    made: dict[str, Make] = {"logpost": Logpost}
    agent, store = program("vlagent"), program("victoria-logs")
    if agent is not None and store is not None:
        made["vlagent"] = lambda directory, tailed: Vlagent(directory, tailed, agent, store)
    return made

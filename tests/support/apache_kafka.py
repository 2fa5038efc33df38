"""Apache Kafka as a real process on free loopback ports, started from its jars: the measure for tests and benchmarks.

The jars are those of `tests/interop/pom.xml`, fetched once with Maven into `artifacts/kafka-libs`; the environment
variable `KAFKA_LIBS` names a directory that has them already. Java 17 or newer runs them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from logpost_broker.metadata.ids import new_id, written
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "tests" / "interop" / "pom.xml"
FETCHED_LIBS = ROOT / "artifacts" / "kafka-libs"
READY_SECONDS = 240.0
STOP_SECONDS = 240.0
HEAP = "1G"
"""Kafka's own start script gives the broker this heap."""
ASK = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""An ApiVersions request of version 0, without a client id."""


class KafkaUnavailableError(Exception):
    """Java, Maven or the jars are missing; the text says what to install."""


def kafka_libs(directory: Path | None = None) -> Path:
    """The directory of the jars: `directory`, that of `KAFKA_LIBS`, or the fetched ones. Raises
    KafkaUnavailableError."""
    if shutil.which("java") is None:
        raise KafkaUnavailableError("no java: apt install openjdk-17-jre-headless")
    named = directory or (Path(os.environ["KAFKA_LIBS"]) if os.environ.get("KAFKA_LIBS") else None)
    if named is not None:
        if not any(named.glob("kafka_2.13-*.jar")):
            raise KafkaUnavailableError(f"no kafka_2.13 jar in {named}")
        return named
    FETCHED_LIBS.parent.mkdir(exist_ok=True)
    with FETCHED_LIBS.with_name("kafka-libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes that run side by side fetch them once
        if not any(FETCHED_LIBS.glob("kafka-streams-*.jar")):
            _fetch()
    return FETCHED_LIBS


def _fetch() -> None:
    if shutil.which("mvn") is None:
        raise KafkaUnavailableError("no mvn to fetch Apache Kafka with: apt install maven, or set KAFKA_LIBS")
    partial = FETCHED_LIBS.with_name(FETCHED_LIBS.name + ".partial")
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.returncode:
        raise KafkaUnavailableError(f"Maven could not fetch Apache Kafka: {fetched.stdout[-2000:]}")
    shutil.rmtree(FETCHED_LIBS, ignore_errors=True)  # an older pom's, without the newest of its jars
    partial.rename(FETCHED_LIBS)


def run_tool(libs: Path, main_class: str, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run one of Kafka's own tools to its end, such as `kafka.tools.DumpLogSegments`."""
    command = ["java", "-Xmx512M", "-cp", f"{libs}/*", main_class, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


class ApacheKafka:
    """A broker and controller in one process. `with ApacheKafka(directory, libs) as kafka: kafka.bootstrap_servers`."""

    def __init__(self, directory: Path, libs: Path, settings: Mapping[str, str] | None = None) -> None:
        """`directory` is made, and formatted where it is new. `settings`: lines of server.properties over ours."""
        self.libs = libs
        self.log_directory = directory / "logs"
        """Where the partitions' directories lie."""
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        self._properties = directory / "server.properties"
        self._output = directory / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        values = {**self._defaults(free_port()), **(settings or {})}
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        self._logging = directory / "log4j2.properties"
        self._logging.write_text(
            "rootLogger.level=error\nrootLogger.appenderRef.out.ref=out\n"
            "appender.out.type=Console\nappender.out.name=out\n"
        )
        if not (self.log_directory / "meta.properties").exists():
            self._format()

    def _defaults(self, controller_port: int) -> dict[str, str]:
        """One node: nothing is replicated, groups do not wait for more members."""
        listeners = f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.log_directory),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
        }

    def _format(self) -> None:
        options = ("format", "--standalone", "-t", written(new_id()), "-c", str(self._properties))
        formatted = run_tool(self.libs, "kafka.tools.StorageTool", *options)
        assert formatted.returncode == 0, formatted.stdout + formatted.stderr

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> ApacheKafka:
        """Start, and return when the first request was answered."""
        logging = f"-Dlog4j2.configurationFile={self._logging}"
        memory = [f"-Xmx{HEAP}", f"-Xms{HEAP}", "-XX:+UseG1GC"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                ["java", *memory, logging, "-cp", f"{self.libs}/*", "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._await_answer()
        return self

    def _await_answer(self) -> None:
        """Kafka says nowhere that it is ready, so it is asked."""
        deadline = time.monotonic() + READY_SECONDS
        while not answers(self.port):
            status = self.process.poll()
            assert status is None, f"Kafka ended with {status}: {self._output.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"Kafka is not ready: {self._output.read_text()[-3000:]}"
            time.sleep(0.01)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """kill -9, and wait for the end."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> ApacheKafka:
        return self if self._process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                raise


def answers(port: int, seconds: float = 5.0) -> bool:
    """Whether a broker on this loopback port answers an ApiVersions request."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as connection:
            connection.sendall(ASK)
            return bool(connection.recv(4))
    except OSError:
        return False

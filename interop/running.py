"""The brokers and the programs as processes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from interop.programs import Program
from interop.transcript import Transcript
from tests.support.apache_kafka import ApacheKafka
from tests.support.processes import Part, free_port

SETUP_SECONDS = 600.0


@contextmanager
def logpost(directory: Path) -> Iterator[str]:
    """A broker with its default settings; yields its bootstrap servers."""
    port = free_port()
    settings = {"broker.port": port, "broker.metrics_port": 0, "broker.listen": "127.0.0.1"}
    with Part("broker", "--data", str(directory), settings=settings):
        yield f"127.0.0.1:{port}"


@contextmanager
def kafka(directory: Path, libs: Path) -> Iterator[str]:
    with ApacheKafka(directory, libs).start() as running:
        yield running.bootstrap_servers


def missing(program: Program) -> str | None:
    """What this machine lacks to run it."""
    for name in program.needs:
        if shutil.which(name) is None:
            return f"no {name}"
    for name in program.needs_packages:
        if importlib.util.find_spec(name) is None:
            return f"no Python package {name}"
    return None


def set_up(program: Program, libs: Path) -> str | None:
    """Answers why it cannot be run, or None."""
    for command in program.setup:
        ended = _run(command, program, _environment(libs), SETUP_SECONDS)
        if ended.returncode:
            return f"{' '.join(command)} failed: {ended.stderr.strip()[-300:]}"
    return None


def run(program: Program, servers: str, libs: Path, said: Path) -> Transcript:
    """Its transcript; what it says on stderr goes to the file `said`. A program that does not end is killed, and its
    transcript says so."""
    environment = {**_environment(libs), "BOOTSTRAP_SERVERS": servers}
    try:
        ended = _run(program.command, program, environment, program.seconds)
    except subprocess.TimeoutExpired as expired:
        lines = (expired.stdout or b"").decode(errors="replace").splitlines()
        return Transcript(lines=(*lines, f"it did not end in {program.seconds:.0f} s"), status=-9)
    said.write_text(ended.stderr)
    return Transcript(lines=tuple(ended.stdout.replace(servers, "SERVERS").splitlines()), status=ended.returncode)


def _environment(libs: Path) -> Mapping[str, str]:
    return {**os.environ, "KAFKA_LIBS": str(libs)}


def _run(
    command: tuple[str, ...], program: Program, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Raises TimeoutExpired; the program is killed then."""
    return subprocess.run(
        command,
        cwd=program.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )

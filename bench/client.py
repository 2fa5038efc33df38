"""The load driver: built from `bench/driver/*.c` with gcc where it is not built yet, run against a broker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "driver"
BUILT = Path(__file__).parents[1] / "artifacts" / "bench-driver"
SLACK_SECONDS = 120.0
"""Beyond the time a run was given: to connect, and to await what is still open."""


class DriverError(Exception):
    """The driver cannot be built, or a run of it failed; the text says why."""


def build_driver() -> Path:
    """The path of the driver, newer than its sources. Raises DriverError."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    if BUILT.exists() and all(source.stat().st_mtime < BUILT.stat().st_mtime for source in sources):
        return BUILT
    if shutil.which("gcc") is None:
        raise DriverError("no gcc to build the load driver with: apt install gcc libc6-dev")
    BUILT.parent.mkdir(exist_ok=True)
    code = [str(source) for source in sources if source.suffix == ".c"]
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(BUILT), *code, "-lrdkafka", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        hint = "apt install librdkafka-dev\n" if "librdkafka" in built.stderr else ""
        raise DriverError(f"cannot build the load driver: {hint}{built.stderr}")
    return BUILT


def run_driver(driver: Path, mode: str, bootstrap: str, options: dict[str, object], seconds: float) -> dict[str, Any]:
    """One run; returns what the driver says. Raises DriverError, also when a message failed."""
    arguments: Sequence[str] = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [str(driver), mode, "--bootstrap", bootstrap, "--seconds", str(seconds), *arguments]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + SLACK_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DriverError(f"{mode} {options}: no end after {error.timeout} s") from error
    if ran.returncode:
        raise DriverError(f"{mode} {options}: {ran.stderr}")
    answer: dict[str, Any] = json.loads(ran.stdout)
    if answer["failed"]:
        raise DriverError(f"{mode} {options}: {answer['failed']} messages failed: {answer.get('error')} {ran.stderr}")
    return answer

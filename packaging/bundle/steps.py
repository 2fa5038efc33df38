"""Commands of the build, and steps that are done once as long as what they are made of stays the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bundle.places import BUILD, epoch

MADE = ".made"
LOGS = BUILD / "log"


class BuildError(Exception):
    """What went wrong and what to do, in one line or a few."""


def run(command: Sequence[str | Path], *, cwd: Path, log: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a command with its output in `build/log/LOG`. Raises BuildError with the last lines of that."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    if shutil.which(command[0], path=_clean_environment()["PATH"]) is None and not (cwd / command[0]).exists():
        raise BuildError(f"{command[0]} is not installed: .ci/system-packages package")
    with path.open("a") as output:
        output.write(f"$ {' '.join(map(str, command))}\n")
        output.flush()
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=_clean_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        last = "\n".join(path.read_text(errors="replace").splitlines()[-15:])
        raise BuildError(f"{command[0]} failed ({done.returncode}), see {path}:\n{last}")


def _clean_environment() -> dict[str, str]:
    """Nothing of the builder's that a compiler, make or Python reads; its proxy and package index stay."""
    kept = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
    found = {name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "SSL_"))}
    found["MAKEFLAGS"] = f"-j{os.cpu_count()}"
    return found | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SOURCE_DATE_EPOCH": str(epoch()), "PYTHONHASHSEED": "0"}


def once(directory: Path, made_of: object, make: Callable[[Path], None]) -> Path:
    """Have `make(directory)` fill a new directory, unless it did so already out of the same `made_of` (compared by its
    text). The directory has its own name while it is filled: paths that a build writes down stay true."""
    digest = hashlib.sha256(repr(made_of).encode()).hexdigest()
    stamp = directory / MADE
    if stamp.exists() and stamp.read_text() == digest:
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    began = time.monotonic()
    name = os.path.relpath(directory, BUILD)
    sys.stderr.write(f"making {name} …\n")
    make(directory)
    stamp.write_text(digest)
    sys.stderr.write(f"made {name} in {time.monotonic() - began:.0f} s\n")
    return directory


def text_of(*paths: Path) -> str:
    """The digest of files, for `once`."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()

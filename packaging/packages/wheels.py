"""Makes wheel and sdist, and tries each extra in an environment of its own."""

from __future__ import annotations

import os
import shutil
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bundle.places import BUILD, DIST, PACKAGING, ROOT, version
from bundle.steps import BuildError, once, run

SOURCES = {"collector/logpost": "logpost", "broker/logpost_broker": "logpost_broker", "web/logpost_web": "logpost_web"}
PROBES = PACKAGING / "packages" / "probes"
EXTRAS: Mapping[str, tuple[str, ...]] = {"": (), "broker": ("pytest",), "server": ()}
"""Extra → what its probe needs beside it."""


def make() -> list[Path]:
    """The sdist, and the wheel made from it. Raises BuildError when either is not fit to publish."""
    python = tools()
    made = BUILD / "wheels"
    shutil.rmtree(made, ignore_errors=True)
    run([python, "-m", "build", "--no-isolation", "--outdir", made, ROOT], cwd=BUILD, log="wheels.log")
    found = sorted(made.iterdir())
    run([python, "-m", "twine", "check", "--strict", *found], cwd=BUILD, log="wheels.log")
    for lacking in (_lacking(path) for path in found):
        if lacking:
            raise BuildError(f"files of the packages are missing: {', '.join(sorted(lacking)[:10])}")
    DIST.mkdir(parents=True, exist_ok=True)
    return [path.replace(DIST / path.name) for path in found]


def tools() -> Path:
    """The Python of the environment that has build, twine and hadolint."""
    lock = PACKAGING / "release.lock"
    made = once(
        BUILD / "tools" / "release", lock.read_text(), lambda directory: _fill(directory, "--requirement", str(lock))
    )
    return made / "bin" / "python"


def _lacking(archive: Path) -> set[str]:
    """Files of the three packages that an archive does not have."""
    ours = {
        f"{package}/{path.relative_to(ROOT / folder)}"
        for folder, package in SOURCES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return ours - set(wheel.namelist())
    top = f"logpost-{version()}/"
    with tarfile.open(archive) as sdist:
        names = {name.removeprefix(top) for name in sdist.getnames()}
    return ours - {name.partition("/")[2] for name in names}


def try_extra(extra: str, wheel: Path) -> str:
    """Install the wheel with an extra as users do, and run its probe. Returns what it took; raises BuildError."""
    directory = BUILD / "wheels" / f"environment-{extra or 'alone'}"
    shutil.rmtree(directory, ignore_errors=True)
    constraint = ("--constraint", str(ROOT / "requirements.lock"))
    _fill(directory, *constraint, asked(str(wheel), extra), *EXTRAS[extra])
    python = directory / "bin" / "python"
    data = directory / "data"
    environment = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(directory), "LOGPOST_DATA": str(data)}
    run([python, "-I", PROBES / f"{extra or 'alone'}.py"], cwd=directory, log="probes.log", environment=environment)
    size = sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file()) / 1e6
    shutil.rmtree(directory)
    return f"{size:,.0f} MB"


def asked(name: str, extra: str) -> str:
    """What pip is asked for."""
    return f"{name}[{extra}]" if extra else name


def _fill(directory: Path, *packages: str) -> None:
    """Make a virtual environment with these packages."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    run([python, "-m", "pip", "install", "--disable-pip-version-check", *packages], cwd=BUILD, log="pip.log")

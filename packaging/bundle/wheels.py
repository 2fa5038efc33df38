"""The locked dependencies of a tree, for its Python and processor, whatever they are of the machine that builds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bundle.places import BUILD, GLIBC, PACKAGING, PYTHON, Target
from bundle.steps import once, run, text_of

KINDS = ("agent", "box")


def lock(kind: str) -> Path:
    """The file that pins each wheel by its hash; `make lock` writes it."""
    return PACKAGING / f"{kind}.lock"


def unpacked(kind: str, target: Target) -> Path:
    """The directory with what belongs into `site-packages/`."""
    made_of = (text_of(lock(kind), Path(__file__)), PYTHON, GLIBC)
    return once(BUILD / "wheels" / f"{kind}-{target.arch}", made_of, lambda at: _install(at, kind, target)) / "tree"


def _install(directory: Path, kind: str, target: Target) -> None:
    glibcs = range(GLIBC[1], 4, -1)
    platforms = [f"manylinux_2_{minor}_{target.machine}" for minor in glibcs]
    older = [f"{name}_{target.machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1")]
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", directory / "tree"),
            *("--implementation", "cp", "--python-version", PYTHON),
            *(word for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)),
            *(word for platform in (*platforms, *older) for word in ("--platform", platform)),
            *("-r", lock(kind)),
        ],
        cwd=directory,
        log=f"wheels-{kind}-{target.arch}.log",
    )
    # Programs that start with the path of the Python that ran pip.
    shutil.rmtree(directory / "tree" / "bin", ignore_errors=True)

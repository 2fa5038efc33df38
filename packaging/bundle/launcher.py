"""`bin/logpost`: CPython's objects, linked once more with launcher.c in the place of its own main."""

from __future__ import annotations

import shutil
from pathlib import Path

from bundle import interpreter
from bundle.places import BUILD, PACKAGING, Target
from bundle.steps import once, run, text_of

SOURCES = (PACKAGING / "launcher.c", PACKAGING / "authorities.c")


def built(target: Target) -> Path:
    """The directory with `logpost`."""
    python = interpreter.built(target)
    made_of = (text_of(python / ".made", *SOURCES), text_of(Path(__file__)))
    return once(BUILD / "launcher" / target.arch, made_of, lambda directory: _link(directory, python / "tree", target))


def _link(directory: Path, tree: Path, target: Target) -> None:
    main, authorities = SOURCES
    shutil.copyfile(main, tree / "Programs" / "python.c")
    shutil.copyfile(authorities, tree / "Programs" / authorities.name)
    environment = interpreter.environment(target)
    run(["make", "python"], cwd=tree, log=f"launcher-{target.arch}.log", environment=environment)
    shutil.copy(tree / "python", directory / "logpost")

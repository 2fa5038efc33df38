"""The private Python: CPython with all its modules in one program, whose main is launcher.c, and its library."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from bundle import compiler, libraries
from bundle.places import BUILD, NATIVE, PACKAGING, PYTHON, Target
from bundle.sources import locked, unpacked
from bundle.steps import once, run, text_of

LAUNCHER, AUTHORITIES = PACKAGING / "launcher.c", PACKAGING / "authorities.c"

LEFT_OUT = ("_curses", "_curses_panel", "_dbm", "_gdbm", "_sqlite3", "_tkinter", "_uuid", "nis", "readline")
"""Modules in C for what no service needs: terminals, windows, local databases. uuid does without _uuid."""

ANSWERS = {"ac_cv_file__dev_ptmx": "yes", "ac_cv_file__dev_ptc": "no"}
"""What configure cannot look up when it builds for another processor."""


def built(target: Target) -> Path:
    """The directory with `logpost` (the program), `python` (an ordinary one, for the build) and `Lib/`."""
    needs = [] if target == NATIVE else [built(NATIVE)]
    prefix = libraries.built(target)
    files = text_of(Path(__file__), Path(compiler.__file__), Path(libraries.__file__), LAUNCHER, AUTHORITIES)
    made_of = (locked(), files)
    return once(BUILD / "python" / target.arch, made_of, lambda directory: _build(directory, target, prefix, needs))


def _build(directory: Path, target: Target, prefix: Path, needs: list[Path]) -> None:
    work = BUILD / "work" / f"python-{target.arch}"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(unpacked("python"), work, symlinks=True)
    environment = _environment(target, prefix)

    def step(*command: str | Path) -> None:
        run(command, cwd=work, log=f"{work.name}.log", environment=environment)

    builder = [f"--with-build-python={needs[0] / 'python'}"] if needs else []
    step("./configure", *builder, *_options(target, prefix), *(f"{name}={answer}" for name, answer in ANSWERS.items()))
    step("make", "python")
    shutil.copy(work / "python", directory / "python")
    shutil.copytree(work / "Lib", directory / "Lib", symlinks=True)
    shutil.copy(work / "LICENSE", directory)
    shutil.copy(LAUNCHER, work / "Programs" / "python.c")
    shutil.copy(AUTHORITIES, work / "Programs")
    step("make", "python")
    shutil.copy(work / "python", directory / "logpost")
    if target == NATIVE:
        _check(directory / "python", work)
    shutil.rmtree(work)


def _environment(target: Target, prefix: Path) -> Mapping[str, str]:
    tools = compiler.environment(target)
    return {
        **tools,
        "CPPFLAGS": f"-I{prefix}/include",
        "LDFLAGS": f"{tools['LDFLAGS']} -L{prefix}/lib",
        "PKG_CONFIG": "false",  # the machine's own libraries are not to be found
        "MODULE_BUILDTYPE": "static",
        "LIBFFI_CFLAGS": f"-I{prefix}/include",
        "LIBFFI_LIBS": f"-L{prefix}/lib -lffi",
    }


def _options(target: Target, prefix: Path) -> list[str]:
    return [
        f"--host={target.triple}",
        f"--build={NATIVE.triple}",
        "--prefix=/usr",
        f"--with-openssl={prefix}",
        "--with-ensurepip=no",
        "--with-readline=no",
        "--disable-test-modules",
        "--without-static-libpython",
        *(f"py_cv_module_{name}=n/a" for name in LEFT_OUT),
    ]


def _check(python: Path, work: Path) -> None:
    """Each module that logpost's dependencies import is there: CPython's own build only warns."""
    names = (
        "ssl, hashlib, zlib, bz2, lzma, ctypes, decimal, pyexpat, select, mmap, resource, _asyncio, _posixsubprocess"
    )
    run([python, "-E", "-c", f"import {names}"], cwd=work, log=f"{work.name}.log")


def library() -> str:
    """Where a tree has the standard library, below its top."""
    return f"lib/python{PYTHON}"

"""The private Python: CPython with all its modules in one program, and its library."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from bundle import compiler, libraries
from bundle.places import BUILD, NATIVE, PYTHON, Target
from bundle.sources import changed, locked, unpacked
from bundle.steps import once, run, text_of

LEFT_OUT = ("_curses", "_curses_panel", "_dbm", "_gdbm", "_sqlite3", "_tkinter", "_uuid", "nis", "readline")
"""Modules in C for what no service needs: terminals, windows, local databases. uuid does without _uuid."""

ANSWERS = {"ac_cv_file__dev_ptmx": "yes", "ac_cv_file__dev_ptc": "no", "ac_cv_buggy_getaddrinfo": "no"}
"""What configure cannot look up when it builds for another processor."""


def built(target: Target) -> Path:
    """The directory with `python`, an ordinary one that only the build uses, and `tree/`, where it was compiled."""
    needs = [] if target == NATIVE else [built(NATIVE)]
    prefixes = libraries.built(target)
    made_of = (libraries.made_of(target), locked()["python"], text_of(Path(__file__)))
    return once(BUILD / "python" / target.arch, made_of, lambda directory: _build(directory, target, prefixes, needs))


def environment(target: Target) -> Mapping[str, str]:
    """Of CPython's configure script and Makefile."""
    tools = compiler.environment(target)
    prefixes = libraries.built(target)
    headers = " ".join(f"-I{prefix}/include" for prefix in prefixes)
    archives = " ".join(f"-L{prefix}/lib" for prefix in prefixes)
    return {
        **tools,
        "SOURCE_DATE_EPOCH": str(changed("python")),
        # When it was compiled comes from SOURCE_DATE_EPOCH, so it may be written down.
        "CFLAGS": f"{tools['CFLAGS']} -Wno-date-time",
        "CPPFLAGS": headers,
        "LIBS": "-lpthread -ldl -lm",  # what OpenSSL asks for, apart from the C library until glibc 2.34
        "LDFLAGS": f"{tools['LDFLAGS']} {archives}",
        "PKG_CONFIG": "false",  # the machine's own libraries are not to be found
        "MODULE_BUILDTYPE": "static",
        "LIBFFI_CFLAGS": headers,
        "LIBFFI_LIBS": f"{archives} -lffi",
    }


def _build(directory: Path, target: Target, prefixes: Sequence[Path], needs: Sequence[Path]) -> None:
    tree = directory / "tree"
    shutil.copytree(unpacked("python"), tree, symlinks=True)
    builder = [f"--with-build-python={needs[0] / 'python'}"] if needs else []
    answers = [f"{name}={answer}" for name, answer in ANSWERS.items()]
    commands: list[list[str | Path]] = [
        ["./configure", *builder, *_options(target, prefixes), *answers],
        ["make", "python"],
    ]
    for command in commands:
        run(command, cwd=tree, log=f"python-{target.arch}.log", environment=environment(target))
    shutil.copy(tree / "python", directory / "python")
    # Beside it the library that it looks for: with that it runs the build for other processors.
    (tree / "Lib" / "lib-dynload").mkdir()
    (directory / "lib").mkdir()
    (directory / "lib" / f"python{PYTHON}").symlink_to(tree / "Lib")
    if target == NATIVE:
        _check(tree)


def _options(target: Target, prefixes: Sequence[Path]) -> list[str]:
    openssl = next(prefix for prefix in prefixes if prefix.name == "openssl")
    return [
        f"--host={target.triple}",
        f"--build={NATIVE.triple}",
        "--prefix=/usr",
        f"--with-openssl={openssl}",
        "--with-ensurepip=no",
        "--with-readline=no",
        "--disable-test-modules",
        *(f"py_cv_module_{name}=n/a" for name in LEFT_OUT),
    ]


def _check(tree: Path) -> None:
    """Each module that logpost's dependencies import is there: CPython's own build only warns."""
    names = (
        "ssl, hashlib, zlib, bz2, lzma, ctypes, decimal, pyexpat, select, mmap, resource, _asyncio, _posixsubprocess"
    )
    run([tree / "python", "-E", "-c", f"import {names}"], cwd=tree, log=f"python-{NATIVE.arch}.log")

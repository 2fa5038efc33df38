"""What a tree does not need: pure rules over paths, so a new file of a new release is in unless a rule names it."""

from __future__ import annotations

from fnmatch import fnmatch

STANDARD_LIBRARY = (
    "__phello__/*",
    "_aix_support.py",
    "_android_support.py",
    "_apple_support.py",
    "_ios_support.py",
    "_osx_support.py",
    "_pyrepl/*",
    "__hello__.py",
    "_tkinter.py",
    "antigravity.py",
    "cProfile.py",
    "curses/*",
    "dbm/*",
    "doctest.py",
    "ensurepip/*",
    "idlelib/*",
    "pdb.py",
    "profile.py",
    "pstats.py",
    "pyclbr.py",
    "pydoc.py",
    "pydoc_data/*",
    "rlcompleter.py",
    "site-packages/*",
    "sqlite3/*",
    "test/*",
    "this.py",
    "tkinter/*",
    "turtle.py",
    "turtledemo/*",
    "unittest/*",
    "venv/*",
    "xmlrpc/*",
    "zipapp.py",
)
"""Tests, editors, windows, debuggers, local databases, and what makes environments."""

DEPENDENCIES = (
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms/*",
)
"""Of any tree of packages: what pip writes for pip."""

SOURCES = ("*.c", "*.cpp", "*.h", "*.pxd", "*.pyi", "*.pyx", "*/py.typed", "py.typed", "*.orig", "*.typed")
"""For compilers and type checkers."""

OTHER_PYTHONS = ("chdb/libpybind11nonlimitedapi_chdb_3.*.so",)
"""chdb has a library for each minor version of Python."""

DOUBLED = ("chdb/libpybind11nonlimitedapi_stubs.so",)
"""What is loaded is the wheel's repaired copy in chdb_core.libs; this one looks for libraries where it was built."""


def unneeded(path: str, *, python: str, standard_library: bool) -> bool:
    """Whether a tree for this Python does without a file; `path` is relative to the library's or packages' top."""
    if "__pycache__" in path.split("/") or _any(path, SOURCES):
        return True
    if standard_library:
        return _any(path, STANDARD_LIBRARY)
    return _any(path, DEPENDENCIES + DOUBLED) or (_any(path, OTHER_PYTHONS) and f"_{python}." not in path)


def _any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)

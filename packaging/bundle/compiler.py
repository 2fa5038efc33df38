"""A C compiler for each processor, of the package `ziglang`: clang with the C libraries of every release of glibc, so
that what it makes here runs on hosts with an older one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bundle.places import BUILD, GLIBC, PACKAGING, Target
from bundle.steps import once, run, text_of

LOCK = PACKAGING / "tools.lock"

CFLAGS = (
    "-O2",
    "-g0",
    "-fPIC",
    "-fno-sanitize=all",  # zig's own default for C is to trap where the standard leaves a result open
    "-fwrapv",
    "-fstack-protector-strong",
    "-D_FORTIFY_SOURCE=2",
)
LDFLAGS = ("-pie", "-Wl,-z,relro,-z,now", "-s")


def environment(target: Target) -> Mapping[str, str]:
    """CC, AR, RANLIB and flags, as configure scripts and Makefiles read them."""
    tools = once(
        BUILD / "compiler" / target.arch, (text_of(LOCK, Path(__file__)), target), lambda at: _tools(at, target)
    )
    return {
        "CC": str(tools / "cc"),
        "CXX": "no",  # autoconf tries one that nothing here needs, and zig then builds all of its library for C++
        "AR": str(tools / "ar"),
        "RANLIB": str(tools / "ranlib"),
        "CFLAGS": " ".join((*CFLAGS, f"-ffile-prefix-map={BUILD}=/build")),
        "LDFLAGS": " ".join(LDFLAGS),
        "ZIG_GLOBAL_CACHE_DIR": str(BUILD / "compiler" / "cache"),
        "ZIG_LOCAL_CACHE_DIR": str(BUILD / "compiler" / "cache"),
    }


def _tools(directory: Path, target: Target) -> None:
    zig = once(BUILD / "compiler" / "zig", text_of(LOCK), _install) / "ziglang" / "zig"
    versioned = f"{target.triple}.{'.'.join(map(str, GLIBC))}"
    words = {
        "cc": f"cc -target {versioned}",
        "ar": "ar",
        "ranlib": "ranlib",
    }
    for name, arguments in words.items():
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{zig}" {arguments} "$@"\n')
        script.chmod(0o755)


def _install(directory: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
    ]
    run([*pip, "--require-hashes", "--target", directory, "-r", LOCK], cwd=directory, log="compiler.log")

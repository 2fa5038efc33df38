"""The C libraries that Python's own modules stand on, static: what is linked in needs no library of the host, and hosts
differ in their OpenSSL, libffi and liblzma."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bundle import compiler
from bundle.places import BUILD, NATIVE, Target
from bundle.sources import locked, unpacked
from bundle.steps import once, run, text_of

OPENSSL_DIRECTORY = "/etc/ssl"
"""Where OpenSSL reads its configuration; authorities.c says where it looks for authorities."""

OPENSSL_OPTIONS = (
    "no-shared",
    "no-module",
    "no-apps",
    "no-tests",
    "no-docs",
    "no-legacy",
    "no-engine",
    "no-comp",
    "no-ssl3",
    "no-weak-ssl-ciphers",
)

Make = Callable[[Path, Path, Target, Mapping[str, str]], None]
"""Builds the source in a directory and installs headers and archives under a prefix."""


def built(target: Target) -> Path:
    """The prefix with `include/` and `lib/` of all libraries."""
    made_of = ([locked()[name] for name in RECIPES], text_of(Path(__file__), Path(compiler.__file__)))
    return once(BUILD / "libraries" / target.arch, made_of, lambda prefix: _build(prefix, target))


def _build(prefix: Path, target: Target) -> None:
    environment = compiler.environment(target)
    for name, make in RECIPES.items():
        work = BUILD / "work" / f"{name}-{target.arch}"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(unpacked(name), work, symlinks=True)
        make(work, prefix, target, environment)
        shutil.rmtree(work)


def _runner(work: Path, target: Target, environment: Mapping[str, str]) -> Callable[..., None]:
    def step(*command: str | Path, **more: str) -> None:
        run(command, cwd=work, log=f"{work.name}.log", environment={**environment, **more})

    return step


def _zlib(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
    step = _runner(work, target, environment)
    step("./configure", "--static", f"--prefix={prefix}", CHOST=target.triple)
    step("make", "libz.a")
    step("make", "install")


def _bzip2(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
    flags = f"{environment['CFLAGS']} -D_FILE_OFFSET_BITS=64"
    words: Sequence[str] = [f"{name}={environment[name]}" for name in ("CC", "AR", "RANLIB")]
    _runner(work, target, environment)("make", "libbz2.a", *words, f"CFLAGS={flags}")
    shutil.copy(work / "libbz2.a", prefix / "lib")
    shutil.copy(work / "bzlib.h", prefix / "include")


def _autoconf(*options: str) -> Make:
    def make(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
        step = _runner(work, target, environment)
        hosts = (f"--host={target.triple}", f"--build={NATIVE.triple}")
        step("./configure", *hosts, f"--prefix={prefix}", f"--libdir={prefix}/lib", "--disable-shared", *options)
        step("make")
        step("make", "install")

    return make


def _openssl(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
    step = _runner(work, target, environment)
    # It writes the compiler's command line into the library, so that must name no directory of this machine.
    flags = " ".join(compiler.CFLAGS)
    (work / "cc").symlink_to(environment["CC"])
    step(
        "./Configure",
        f"linux-{target.machine}",
        *OPENSSL_OPTIONS,
        "--prefix=/usr",
        "--libdir=lib",
        f"--openssldir={OPENSSL_DIRECTORY}",
        CFLAGS=flags,
        CC="./cc",
    )
    step("make", "build_libs", CC="./cc")
    for archive in ("libssl.a", "libcrypto.a"):
        shutil.copy(work / archive, prefix / "lib")
    shutil.copytree(work / "include/openssl", prefix / "include/openssl")


RECIPES: Mapping[str, Make] = {
    "zlib": _zlib,
    "bzip2": _bzip2,
    "xz": _autoconf(
        "--disable-xz",
        "--disable-xzdec",
        "--disable-lzmadec",
        "--disable-lzmainfo",
        "--disable-lzma-links",
        "--disable-scripts",
        "--disable-doc",
        "--disable-nls",
    ),
    "libffi": _autoconf("--disable-docs", "--disable-multi-os-directory"),
    "openssl": _openssl,
}

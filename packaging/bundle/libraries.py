"""The C libraries that Python's own modules stand on, static: what is linked in needs no library of the host, and hosts
differ in their OpenSSL, libffi and liblzma."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bundle import compiler
from bundle.places import BUILD, NATIVE, Target
from bundle.sources import changed, locked, unpacked
from bundle.steps import once, run, text_of

OPENSSL_DIRECTORY = "/etc/ssl"
"""Where OpenSSL reads its configuration; authorities.c says where it looks for authorities."""

OPTIONS: Mapping[str, Sequence[str]] = {
    "xz": (
        *("--disable-xz", "--disable-xzdec", "--disable-lzmadec", "--disable-lzmainfo", "--disable-lzma-links"),
        *("--disable-scripts", "--disable-doc", "--disable-nls"),
    ),
    "libffi": ("--disable-docs", "--disable-multi-os-directory"),
    "openssl": (
        *("no-shared", "no-module", "no-apps", "no-tests", "no-docs", "no-engine", "no-legacy", "no-comp"),
        # Protocols and formats that Python's ssl has no call for.
        *("no-cmp", "no-cms", "no-ct", "no-dtls", "no-ocsp", "no-quic", "no-rfc3779", "no-srp", "no-ssl3", "no-ts"),
        # Ciphers and hashes that no TLS peer of today asks for.
        *("no-aria", "no-bf", "no-camellia", "no-cast", "no-gost", "no-idea", "no-md4", "no-mdc2", "no-ocb", "no-rc2"),
        *("no-rc4", "no-rmd160", "no-seed", "no-siphash", "no-siv", "no-sm2", "no-sm3", "no-sm4", "no-whirlpool"),
        *("no-ec2m", "no-weak-ssl-ciphers"),
    ),
}
"""What each library's configure script is told to leave out."""

Make = Callable[[Path, Path, Target, Mapping[str, str]], None]
"""Builds the source in a directory and installs headers and archives under a prefix."""


def built(target: Target) -> list[Path]:
    """Of each library the prefix with its `include/` and `lib/`."""
    return [
        once(BUILD / "libraries" / target.arch / name, _made_of(name, target), partial(_build, name, target))
        for name in RECIPES
    ]


def made_of(target: Target) -> list[object]:
    """What `once` compares, of all of them."""
    return [_made_of(name, target) for name in RECIPES]


def _made_of(name: str, target: Target) -> object:
    code = inspect.getsource(RECIPES[name])
    return locked()[name], OPTIONS.get(name), code, compiler.environment(target), text_of(compiler.LOCK)


def _build(name: str, target: Target, prefix: Path) -> None:
    environment = {**compiler.environment(target), "SOURCE_DATE_EPOCH": str(changed(name))}
    work = BUILD / "work" / f"{name}-{target.arch}"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(unpacked(name), work, symlinks=True)
    RECIPES[name](work, prefix, target, environment)
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
    _install(prefix, [work / "libbz2.a"], [work / "bzlib.h"])


def _autoconf(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
    step = _runner(work, target, environment)
    name = work.name.removesuffix(f"-{target.arch}")
    hosts = (f"--host={target.triple}", f"--build={NATIVE.triple}")
    if not (work / "configure").exists():
        step("autoreconf", "--install")
    step("./configure", *hosts, f"--prefix={prefix}", f"--libdir={prefix}/lib", "--disable-shared", *OPTIONS[name])
    step("make")
    step("make", "install")


def _openssl(work: Path, prefix: Path, target: Target, environment: Mapping[str, str]) -> None:
    step = _runner(work, target, environment)
    # It writes the compiler's command line into the library, so that must name no directory of this machine.
    flags = " ".join(compiler.CFLAGS)
    (work / "cc").symlink_to(environment["CC"])
    step(
        "./Configure",
        f"linux-{target.machine}",
        *OPTIONS["openssl"],
        "--prefix=/usr",
        "--libdir=lib",
        f"--openssldir={OPENSSL_DIRECTORY}",
        CFLAGS=flags,
        CC="./cc",
    )
    step("make", "build_libs", CC="./cc")
    _install(prefix, [work / "libssl.a", work / "libcrypto.a"], [])
    shutil.copytree(work / "include" / "openssl", prefix / "include" / "openssl")


def _install(prefix: Path, archives: Sequence[Path], headers: Sequence[Path]) -> None:
    for name, files in (("lib", archives), ("include", headers)):
        (prefix / name).mkdir()
        for file in files:
            shutil.copy(file, prefix / name)


RECIPES: Mapping[str, Make] = {
    "zlib": _zlib,
    "bzip2": _bzip2,
    "xz": _autoconf,
    "libffi": _autoconf,
    "openssl": _openssl,
}

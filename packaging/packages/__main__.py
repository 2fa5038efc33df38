"""`python -m packages build`, `check`, `wheels`: see packaging/README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from bundle.places import version
from bundle.steps import BuildError
from packages import check, wheels
from packages.build import build_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="packages", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="make deb, rpm and apk of each tree in build/tree")
    commands.add_parser("check", help="open what was made, and make it again: the same bytes")
    made = commands.add_parser("wheels", help="make wheel and sdist")
    made.add_argument(
        "--try", dest="tried", action="store_true", help="and try each extra in an environment of its own"
    )
    parsed = parser.parse_args()
    try:
        for line in _lines(parsed):
            sys.stdout.write(f"{line}\n")
    except BuildError as error:
        sys.stderr.write(f"packages: {error}\n")
        return 1
    return 0


def _lines(parsed: argparse.Namespace) -> Iterator[str]:
    match parsed.command:
        case "build":
            return _build()
        case "check":
            return _check()
        case _:
            return _wheels(tried=parsed.tried)


def _build() -> Iterator[str]:
    made = build_all(version())
    if not made:
        raise BuildError("there is no tree in build/tree: make package")
    return map(str, made)


def _check() -> Iterator[str]:
    wrong = list(check.check(version()))
    if wrong:
        raise BuildError("\n".join(["the packages are not fit to ship:", *wrong]))
    yield "the packages are good"


def _wheels(*, tried: bool) -> Iterator[str]:
    made = wheels.make()
    yield from map(str, made)
    (wheel,) = (path for path in made if path.suffix == ".whl")
    for extra in wheels.EXTRAS if tried else ():
        yield f"pip install {wheels.asked('logpost', extra)}: {wheels.try_extra(extra, wheel)}"


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bundle tree KIND ARCH …`, `sums`, `lock`: see packaging/README.md."""

from __future__ import annotations

import argparse
import sys

from bundle import archive, checks, tree
from bundle.places import BUILD, TARGETS
from bundle.relock import relock
from bundle.steps import BuildError
from bundle.wheels import KINDS


def main() -> int:
    parser = argparse.ArgumentParser(prog="bundle", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("tree", help="make a tree, check it, and pack it as a tar archive")
    made.add_argument("kind", choices=KINDS)
    made.add_argument("arch", choices=sorted(TARGETS))
    commands.add_parser("sums", help="write SHA256SUMS of all that is in build/dist")
    commands.add_parser("lock", help="pin the newest sources that Debian serves")
    parsed = parser.parse_args()
    if any(sign.isspace() for sign in str(BUILD)):
        return _failed("configure scripts cannot build below a directory with a blank in its name: clone to another")
    try:
        match parsed.command:
            case "tree":
                return _tree(parsed.kind, parsed.arch)
            case "sums":
                sys.stdout.write(f"{archive.write_sums()}\n")
            case "lock":
                relock()
    except BuildError as error:
        return _failed(str(error))
    return 0


def _tree(kind: str, arch: str) -> int:
    target = TARGETS[arch]
    made = tree.make(kind, target)
    faults = checks.faults(made, target)
    if faults:
        return _failed("\n".join([f"{made} is not fit to ship:", *faults[:30]]))
    sys.stdout.write(f"{archive.make(kind, target)}\n")
    return 0


def _failed(why: str) -> int:
    sys.stderr.write(f"bundle: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

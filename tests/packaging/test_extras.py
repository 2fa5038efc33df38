"""`pip install logpost`, `logpost[broker]` and `logpost[server]`: each brings what its code imports and nothing more.

The wheel itself, in environments of its own: `python -m packages wheels`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from tests.test_layers import PACKAGES, ROOT, imported, modules, package_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRA = {"logpost": "", "logpost_broker": "broker", "logpost_web": "server"}
"""What each package is installed by."""
NOT_OURS_TO_BRING = {"pytest", "_typeshed", "compression"}
"""The plugin is loaded by pytest; types alone; Python's own from 3.14 on."""
NOT_IMPORTED = {"tzdata", "urllib3"}
"""The files of zoneinfo, where the host has none; what clickhouse-connect stands on, named for its lowest version."""


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def named(extra: str) -> set[str]:
    """Distributions that an extra names, with those of the extras and the installation that it stands on."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found: set[str] = named("") if extra else set()
    for line in lines:
        inner = re.fullmatch(r"logpost\[(\w+)\]", line)
        found |= named(inner[1]) if inner else {name_of(line)}
    return found


def distributions_of(package: str) -> set[str]:
    """Distributions that the code of a package imports."""
    names = {package_of(name) for module in modules() if package_of(module) == package for name in imported(module)}
    foreign = names - set(sys.stdlib_module_names) - set(PACKAGES) - NOT_OURS_TO_BRING
    installed = packages_distributions()
    return {name_of(each) for name in foreign for each in installed[name]}


@pytest.mark.parametrize("package", EXTRA)
def test_an_extra_names_what_its_package_imports(package: str) -> None:
    assert distributions_of(package) - named(EXTRA[package]) == set()


def test_nothing_is_named_that_nobody_imports() -> None:
    used = {name for package in PACKAGES for name in distributions_of(package)}
    assert named("server") - used == NOT_IMPORTED


BROKER_ALONE = """
import importlib.abc, sys

class Refused(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(f"refused: {{name}}", name=name)

sys.meta_path.insert(0, Refused())
from confluent_kafka import Producer
from logpost_broker import Broker

with Broker(memory=True) as broker:
    answers = []
    producer = Producer({{"bootstrap.servers": broker.bootstrap_servers}})
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        one = Producer({{"bootstrap.servers": broker.bootstrap_servers, "compression.type": codec}})
        one.produce("letters", b"x" * 1000, on_delivery=lambda error, message: answers.append(error))
        one.flush(60)
    assert answers == [None] * 5, answers
"""


def test_the_broker_runs_with_its_extra_alone() -> None:
    """Where everything is installed, what the extra does not bring is refused."""
    bring = closure(named("broker"))
    installed = packages_distributions()
    refused = {module for module, names in installed.items() if not set(map(name_of, names)) & bring} - set(PACKAGES)
    assert {"starlette", "chdb", "clickhouse_connect", "pytest"} <= refused
    subprocess.run([sys.executable, "-c", BROKER_ALONE.format(refused=refused)], check=True, timeout=120)


def closure(names: set[str]) -> set[str]:
    """With all that they need themselves, under any condition."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        found.add(name)
        try:
            needed = requires(name) or []
        except ModuleNotFoundError:  # of another Python or system
            continue
        left |= {name_of(line) for line in needed if "extra ==" not in line} - found
    return found


@pytest.mark.parametrize(
    ("missing", "arguments", "remedy"),
    [
        ("kio", ["broker"], "pip install 'logpost[broker]'"),
        ("starlette", ["web"], "pip install 'logpost[server]'"),
        ("chdb", ["up"], "pip install 'logpost[server]'"),
    ],
)
def test_a_command_says_what_to_install(missing: str, arguments: list[str], remedy: str, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; from logpost.cli import main; sys.exit(main({arguments!r}))"
    )
    ports = {f"LOGPOST_{name}_PORT": "0" for name in ("BROKER", "WEB", "AGENT_METRICS", "BROKER_METRICS")}
    environment = {"LOGPOST_DATA": str(tmp_path), "PATH": "/usr/bin:/bin"} | ports
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f": {remedy}")
    assert "Traceback" not in done.stderr


def test_the_broker_in_a_program_says_what_to_install() -> None:
    program = "import sys; sys.modules['kio'] = None; from logpost_broker import Broker"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1].endswith("logpost_broker needs kio: pip install 'logpost[broker]'")


def test_the_version_stands_in_one_place() -> None:
    kept = {"pyproject.toml", "CHANGELOG.md"}
    suffixes = {".py", ".sh", ".toml", ".yaml", ".service"}
    folders = ("collector", "broker", "web", "packaging", "systemd")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    files += [path for path in ROOT.iterdir() if path.suffix in suffixes and path.name not in kept]
    said = re.compile(rf"logpost[^\n]{{0,20}}\b{re.escape(PROJECT['version'])}\b|version = .{PROJECT['version']}\b")
    built = ROOT / "packaging" / "build"
    assert [path for path in files if built not in path.parents and said.search(path.read_text())] == []

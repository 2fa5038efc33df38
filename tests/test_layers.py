"""Who may import whom: broker and web import the collector's package, never each other, never the other way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "logpost": ROOT / "collector" / "logpost",
    "logpost_broker": ROOT / "broker" / "logpost_broker",
    "logpost_web": ROOT / "web" / "logpost_web",
}
ALLOWED = {
    "logpost": {"logpost"},
    "logpost_broker": {"logpost", "logpost_broker"},
    "logpost_web": {"logpost", "logpost_web"},
}
# What `pip install logpost`, without the server extra, brings along.
COLLECTOR_DEPENDENCIES = {"backports", "compression", "confluent_kafka", "msgspec", "prometheus_client", "watchdog"}


def imports(package: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield file, node.module.partition(".")[0]


@pytest.mark.parametrize("name", PACKAGES)
def test_components_import_only_what_the_design_allows(name: str) -> None:
    forbidden = set(PACKAGES) - ALLOWED[name]
    assert [(file.name, module) for file, module in imports(PACKAGES[name]) if module in forbidden] == []


def test_the_collector_needs_only_its_small_dependencies() -> None:
    third_party = {module for _, module in imports(PACKAGES["logpost"]) if module not in sys.stdlib_module_names} - set(
        PACKAGES
    )
    assert third_party <= COLLECTOR_DEPENDENCIES

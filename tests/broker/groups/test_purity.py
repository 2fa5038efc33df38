"""The core decides and waits for nothing: no loop, clock, chance, thread, file or socket."""

import ast
from pathlib import Path

import pytest

import logpost_broker.groups

GROUPS = Path(logpost_broker.groups.__file__).parent
SHELL = {"journal.py", "service.py", "timers.py"}
IMPURE = {"asyncio", "datetime", "logging", "os", "pathlib", "random", "secrets", "socket", "threading", "time"}
SHARED = {"logpost_broker.errors", "logpost_broker.producer_identity", "logpost_broker.steps"}
OURS = (
    "logpost_broker.groups",
    "logpost_broker.consumer_groups",
    "logpost_broker.share_groups",
    "logpost_broker.streams_groups",
)
CORE = sorted(file.name for file in GROUPS.glob("*.py") if file.name not in SHELL)


def imported(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    return modules


@pytest.mark.parametrize("name", CORE)
def test_the_core_is_pure(name: str) -> None:
    modules = imported(GROUPS / name)
    assert {module.partition(".")[0] for module in modules} & IMPURE == set()
    ours = {module for module in modules if module.startswith("logpost_broker")}
    assert all(module in SHARED or module.startswith(OURS) for module in ours)
    assert not any(module.endswith(tuple(f".{shell[:-3]}" for shell in SHELL)) for module in ours)
    assert {module for module in modules if module.startswith("kio")} <= {"kio.schema.errors"}


@pytest.mark.parametrize("name", CORE)
def test_ids_are_made_by_the_caller(name: str) -> None:
    nodes = ast.walk(ast.parse((GROUPS / name).read_text()))
    called = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    assert not called & {"uuid1", "uuid4"}

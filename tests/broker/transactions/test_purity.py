"""The core decides and waits for nothing: no loop, clock, chance, thread, file or socket."""

import ast
from pathlib import Path

import pytest

import logpost_broker.transactions

TRANSACTIONS = Path(logpost_broker.transactions.__file__).parent
SHELL = {"journal.py", "markers.py", "service.py"}
IMPURE = {"asyncio", "datetime", "logging", "os", "pathlib", "random", "secrets", "socket", "threading", "time", "uuid"}
SHARED = {
    "logpost_broker.errors",
    "logpost_broker.groups.record_fields",
    "logpost_broker.producer_identity",
}
CORE = sorted(file.name for file in TRANSACTIONS.glob("*.py") if file.name not in SHELL)


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
    modules = imported(TRANSACTIONS / name)
    assert {module.partition(".")[0] for module in modules} & IMPURE == set()
    ours = {module for module in modules if module.startswith("logpost_broker")}
    assert all(module in SHARED or module.startswith("logpost_broker.transactions") for module in ours)
    assert not any(module.endswith(tuple(f".{shell[:-3]}" for shell in SHELL)) for module in ours)
    assert {module for module in modules if module.startswith("kio")} <= {"kio.schema.errors"}

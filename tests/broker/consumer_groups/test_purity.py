"""The core decides and waits for nothing: no loop, clock, chance, thread, file or socket."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import logpost_broker.consumer_groups

FILES = sorted(Path(logpost_broker.consumer_groups.__file__).parent.glob("*.py"))
IMPURE = {"asyncio", "datetime", "logging", "os", "pathlib", "random", "secrets", "socket", "threading", "time"}
OURS = (
    "logpost_broker.consumer_groups",
    "logpost_broker.groups",
    "logpost_broker.errors",
    "logpost_broker.regular_expression",
)
SHELL = (".journal", ".service", ".timers")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_core_is_pure(file: Path) -> None:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {module.partition(".")[0] for module in modules} & IMPURE == set()
    assert all(module.startswith(OURS) for module in modules if module.startswith("logpost_broker"))
    assert not any(module.endswith(SHELL) for module in modules)
    made = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    assert not made & {"uuid1", "uuid4"}, "ids are made by the caller"

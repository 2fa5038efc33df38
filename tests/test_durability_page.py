"""Every line of docs/durability.md is shown by tests that exist, and says something for each way to flush."""

import ast
import re
import typing
from pathlib import Path

import pytest

from logpost.config import BrokerConfig

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "durability.md").read_text()
FLUSH = typing.get_args(typing.get_type_hints(BrokerConfig)["flush"])
TABLE = PAGE.partition("## What each failure costs")[2].partition("\n## ")[0]
HEAD, _, *ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("|")
]


def test_the_table_has_a_column_for_each_way_to_flush() -> None:
    assert ["failure", *(f"`{flush}`" for flush in FLUSH), "shown by"] == HEAD
    assert len(ROWS) >= 15


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_failure_is_shown_by_tests_that_exist(row: list[str]) -> None:
    assert len(row) == len(HEAD)
    assert all(row)
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", row[-1])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text())
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{file}::{test}"

"""The trees that `make package` made; what needs one is skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle.places import NATIVE
from bundle.tree import place


def made(kind: str) -> Path:
    tree = place(kind, NATIVE)
    if not (tree / "bin" / "logpost").exists():
        pytest.skip(f"no tree of the {kind}: make package")
    return tree


@pytest.fixture
def agent_tree() -> Path:
    return made("agent")


@pytest.fixture
def box_tree() -> Path:
    return made("box")


@pytest.fixture(params=["agent", "box"])
def tree(request: pytest.FixtureRequest) -> Path:
    """Each kind."""
    return made(str(request.param))

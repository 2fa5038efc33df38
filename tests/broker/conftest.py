"""What tests of the broker share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Part, broker_part


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Part]:
    """A broker as a process of its own."""
    with broker_part(tmp_path) as part:
        yield part

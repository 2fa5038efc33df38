"""The pytest fixture `logpost_broker`: a Kafka broker for each test that asks for one.

It comes with the package and is loaded by every pytest beside it, so it imports nothing but pytest until it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from logpost_broker import Broker


@pytest.fixture
def logpost_broker() -> Iterator[Broker]:
    """A Kafka broker of the test's own on a free port, its data in memory: `logpost_broker.bootstrap_servers`."""
    try:
        from logpost_broker import Broker
    except ModuleNotFoundError as error:
        pytest.fail(str(error))
    with Broker(memory=True) as running:
        yield running

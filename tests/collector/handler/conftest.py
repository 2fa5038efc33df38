"""The topic that a test writes to and reads back."""

from __future__ import annotations

import uuid

import pytest

from logpost_broker import Broker
from tests.collector.handler.topics import Topic


@pytest.fixture
def topic(shared_broker: Broker) -> Topic:
    return Topic(shared_broker.bootstrap_servers, f"logs-{uuid.uuid4().hex}")

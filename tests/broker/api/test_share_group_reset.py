"""Where a share group begins that has never read a topic: `share.auto.offset.reset` of the group."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.broker.api.conftest import NewTopic, produce_values
from tests.broker.api.test_share_groups import Member
from tests.broker.wire_client import WireClient

GROUP, SET = 32, 0
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("reset", "begins"),
    [(None, []), ("latest", []), ("earliest", [(0, 2, 1)]), ("by_duration:PT90M", [(1, 2, 1)])],
)
def test_a_group_begins_where_it_is_told(
    client: WireClient, new_topic: NewTopic, reset: str | None, begins: list[Any]
) -> None:
    topic, group = new_topic(), f"share-{uuid.uuid4().hex}"
    now_ms = time.time_ns() // 1_000_000
    for age_ms in (2 * HOUR_MS, HOUR_MS, 0):
        produce_values(client, topic, b"v", timestamp_ms=now_ms - age_ms)
    if reset is not None:
        configs = [{"name": "share.auto.offset.reset", "config_operation": SET, "value": reset}]
        resources = [{"resource_type": GROUP, "resource_name": group, "configs": configs}]
        [altered] = client.call("incremental_alter_configs", 1, {"resources": resources}).responses
        assert altered.error_code is ErrorCode.none
    member = Member(client, group, topic)
    member.join()
    assert member.acquire() == begins

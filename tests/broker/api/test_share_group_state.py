"""The state of share partitions as brokers of a cluster read and write it, at each version."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.groups.share.share_partition import MAX_RUNS
from tests.broker.api.conftest import NewTopic, produce_values
from tests.broker.wire_client import WireClient, versions


class State:
    def __init__(self, client: WireClient, topic: str) -> None:
        self.client = client
        self.group = f"share-{uuid.uuid4().hex}"
        [described] = client.call("metadata", 12, {"topics": [{"name": topic}]}).topics
        self.topic_id = described.topic_id

    def call(self, api: str, version: int = 0, **fields: Any) -> Any:
        """Returns the one partition."""
        topics = [{"topic_id": self.topic_id, "partitions": [{"partition": 0} | fields]}]
        answer = self.client.call(f"{api}_share_group_state", version, {"group_id": self.group, "topics": topics})
        return answer.results[0].partitions[0]

    def summary(self, version: int) -> Any:
        topics = [{"topic_id": self.topic_id, "partitions": [{"partition": 0}]}]
        values = {"group_id": self.group, "topics": topics}
        return self.client.call("read_share_group_state_summary", version, values).results[0].partitions[0]


@pytest.fixture
def state(client: WireClient, new_topic: NewTopic) -> State:
    topic = new_topic()
    produce_values(client, topic, *[b"x"] * 20)
    return State(client, topic)


def test_a_state_that_is_not(state: State) -> None:
    found = state.call("read")
    assert (found.error_code, found.start_offset, found.state_batches) == (ErrorCode.none, -1, ())
    assert state.call("write").error_code is ErrorCode.invalid_request
    assert state.call("delete").error_code is ErrorCode.none


@pytest.mark.parametrize("version", versions("write_share_group_state"))
def test_a_state_is_written_and_read(state: State, version: int) -> None:
    assert state.call("initialize", start_offset=5).error_code is ErrorCode.none
    batch = {"first_offset": 7, "last_offset": 9, "delivery_state": 2, "delivery_count": 1}
    assert state.call("write", version, start_offset=6, state_batches=[batch]).error_code is ErrorCode.none
    found = state.call("read")
    batches = [(of.first_offset, of.last_offset, of.delivery_state, of.delivery_count) for of in found.state_batches]
    assert (found.start_offset, batches) == (6, [(6, 6, 0, 0), (7, 9, 2, 1)])
    summary = state.summary(version)
    assert (summary.start_offset, summary.state_epoch) == (6, 0)
    assert version == 0 or summary.delivery_complete_count == 3
    assert state.call("delete").error_code is ErrorCode.none
    assert state.call("read").start_offset == -1


def test_who_knows_an_older_state_is_fenced(state: State) -> None:
    state.call("initialize", start_offset=5)
    state.call("initialize", start_offset=6)
    assert state.call("write", state_epoch=0, start_offset=7).error_code is ErrorCode.fenced_state_epoch
    assert state.call("write", state_epoch=1, start_offset=7).error_code is ErrorCode.none


@pytest.mark.parametrize("wrong", [{"delivery_state": 1}, {"delivery_state": 3}, {"first_offset": 9}])
def test_a_state_that_cannot_be_is_refused(state: State, wrong: dict[str, int]) -> None:
    state.call("initialize", start_offset=5)
    batch = {"first_offset": 7, "last_offset": 8, "delivery_state": 2, "delivery_count": 1} | wrong
    assert state.call("write", start_offset=-1, state_batches=[batch]).error_code is ErrorCode.invalid_request


def test_batches_in_any_order_are_taken_and_those_that_overlap_refused(state: State) -> None:
    state.call("initialize", start_offset=5)
    first, second = (
        {"first_offset": at, "last_offset": at + 1, "delivery_state": 2, "delivery_count": 1} for at in (6, 8)
    )
    assert state.call("write", start_offset=-1, state_batches=[second, first]).error_code is ErrorCode.none
    found = [(of.first_offset, of.last_offset, of.delivery_state) for of in state.call("read").state_batches]
    assert found == [(5, 5, 0), (6, 9, 2)]
    overlapping = state.call("write", start_offset=-1, state_batches=[first, first])
    assert (overlapping.error_code, overlapping.error_message) == (ErrorCode.invalid_request, "state batches overlap")


def test_there_are_no_more_states_than_may_be(state: State) -> None:
    state.call("initialize", start_offset=0)
    batches = [
        {"first_offset": at, "last_offset": at, "delivery_state": 2, "delivery_count": 1}
        for at in range(0, 2 * MAX_RUNS, 2)
    ]
    most = state.call("write", start_offset=-1, state_batches=batches[: MAX_RUNS // 2])
    assert most.error_code is ErrorCode.none
    refused = state.call("write", start_offset=-1, state_batches=batches[MAX_RUNS // 2 :])
    assert refused.error_code is ErrorCode.invalid_request
    assert f"up to {MAX_RUNS} states of records" in refused.error_message


def test_while_the_state_of_share_groups_is_full_none_is_new(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state.call("initialize", start_offset=5).error_code is ErrorCode.none
    monkeypatch.setattr("logpost_broker.coordinator.journal.MAX_STATE_BYTES", -1)
    assert state.call("initialize", start_offset=6).error_code is ErrorCode.none
    other = State(state.client, "not-there")
    other.topic_id = state.topic_id
    refused = other.call("initialize", start_offset=5)
    assert refused.error_code is ErrorCode.unknown_server_error
    assert "keep as much state as they may" in refused.error_message
    assert other.call("read").start_offset == -1

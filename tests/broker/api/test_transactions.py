"""The APIs of transactions at each of their versions: what they do, and the errors that clients decide by."""

from __future__ import annotations

import dataclasses
import datetime
import time
import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode
from kio.static.primitive import i32Timedelta

from logpost_broker import Broker
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, whole_batches
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import NewTopic
from tests.broker.log.logs import changed
from tests.broker.wire_client import WireClient, versions

TIMEOUT = i32Timedelta.parse(datetime.timedelta(minutes=1))
NONE = ErrorCode.none


def each_version(api: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", versions(api))


@dataclasses.dataclass
class Transactional:
    """A producer that speaks one API a call, and nothing on its own."""

    client: WireClient
    transactional_id: str = dataclasses.field(default_factory=lambda: f"id-{uuid.uuid4()}")
    producer_id: int = -1
    epoch: int = -1
    sequence: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
        }

    def init(self, version: int = 5) -> ErrorCode:
        values = {"transactional_id": self.transactional_id, "transaction_timeout": TIMEOUT}
        answer = self.client.call("init_producer_id", version, values)
        self.producer_id, self.epoch, self.sequence = answer.producer_id, answer.producer_epoch, 0
        return ErrorCode(answer.error_code)

    def add(self, topic: str, version: int = 3) -> ErrorCode:
        topics = [{"name": topic, "partitions": (0,)}]
        if version <= 3:
            values = {f"v3_and_below_{name}": value for name, value in {**self.identity, "topics": topics}.items()}
            answer = self.client.call("add_partitions_to_txn", version, values)
            [found] = answer.results_by_topic_v3_and_below
        else:
            answer = self.client.call(
                "add_partitions_to_txn", version, {"transactions": [{**self.identity, "topics": topics}]}
            )
            [found] = answer.results_by_transaction[0].topic_results
        return ErrorCode(found.results_by_partition[0].partition_error_code)

    def produce(self, topic: str, version: int = 10) -> Any:
        batch = changed(
            build_batch([(None, b"v")], time.time_ns() // 1_000_000),
            attributes=TRANSACTIONAL,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            base_sequence=self.sequence,
        )
        data = [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]
        values = {"transactional_id": self.transactional_id, "acks": -1, "topic_data": data}
        [answer] = self.client.call("produce", version, values).responses[0].partition_responses
        self.sequence += answer.error_code is NONE
        return ErrorCode(answer.error_code)

    def end(self, *, commit: bool = True, version: int = 4) -> ErrorCode:
        answer = self.client.call("end_txn", version, {**self.identity, "committed": commit})
        if version >= 5 and answer.error_code is NONE:
            self.producer_id, self.epoch, self.sequence = answer.producer_id, answer.producer_epoch, 0
        return ErrorCode(answer.error_code)

    def add_offsets(self, group: str, version: int = 4) -> ErrorCode:
        return ErrorCode(
            self.client.call("add_offsets_to_txn", version, {**self.identity, "group_id": group}).error_code
        )

    def commit_offset(self, group: str, topic: str, offset: int, version: int = 4) -> ErrorCode:
        topics = [{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": offset}]}]
        values = {**self.identity, "group_id": group, "generation_id": -1, "topics": topics}
        answer = self.client.call("txn_offset_commit", version, values)
        return ErrorCode(answer.topics[0].partitions[0].error_code)

    def zombie(self) -> Transactional:
        """What the producer was before another took its id."""
        before = dataclasses.replace(self)
        assert self.init() is NONE
        return before


@pytest.fixture
def producer(client: WireClient) -> Transactional:
    made = Transactional(client)
    assert made.init() is NONE
    return made


def committed(client: WireClient, group: str, topic: str, *, require_stable: bool = False) -> tuple[int, ErrorCode]:
    topics = [{"name": topic, "partition_indexes": (0,)}]
    values = {"groups": [{"group_id": group, "topics": topics}], "require_stable": require_stable}
    [found] = client.call("offset_fetch", 8, values).groups[0].topics[0].partitions
    return found.committed_offset, ErrorCode(found.error_code)


def markers(client: WireClient, topic: str) -> int:
    partitions = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]
    values = {"max_bytes": 1 << 20, "session_epoch": -1, "topics": [{"topic": topic, "partitions": partitions}]}
    data = client.call("fetch", 11, values).responses[0].partitions[0].records
    return sum(bool(header.attributes & CONTROL) for _, header in whole_batches(data))


@each_version("init_producer_id")
def test_an_init_raises_the_epoch(client: WireClient, version: int) -> None:
    producer = Transactional(client)
    assert producer.init(version) is NONE
    first = producer.producer_id
    assert producer.init(version) is NONE
    assert (producer.producer_id, producer.epoch) == (first, 1)


@pytest.mark.parametrize(("version", "code"), [(3, ErrorCode.invalid_producer_epoch), (4, ErrorCode.producer_fenced)])
def test_an_init_of_a_zombie_is_refused_in_the_words_of_its_version(
    client: WireClient, producer: Transactional, version: int, code: ErrorCode
) -> None:
    zombie = producer.zombie()
    answer = client.call("init_producer_id", version, {**zombie.identity, "transaction_timeout": TIMEOUT})
    assert (answer.error_code, answer.producer_id) == (code, -1)


def test_half_an_identity_is_refused(client: WireClient) -> None:
    values = {"transactional_id": "half", "transaction_timeout": TIMEOUT, "producer_id": 1, "producer_epoch": -1}
    assert client.call("init_producer_id", 4, values).error_code is ErrorCode.invalid_request


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"enable2_pc": True}, ErrorCode.transactional_id_authorization_failed),
        ({"keep_prepared_txn": True}, ErrorCode.unsupported_version),
    ],
)
def test_two_phase_commit_is_not_enabled(client: WireClient, values: dict[str, Any], code: ErrorCode) -> None:
    values = {"transactional_id": "2pc", "producer_id": -1, "producer_epoch": -1, **values}
    assert client.call("init_producer_id", 6, {"transaction_timeout": TIMEOUT, **values}).error_code is code


@each_version("add_partitions_to_txn")
def test_partitions_are_added(client: WireClient, producer: Transactional, new_topic: NewTopic, version: int) -> None:
    topic = new_topic()
    assert producer.produce(topic) is ErrorCode.invalid_txn_state
    assert producer.add(topic, version) is NONE
    assert producer.produce(topic) is NONE
    assert producer.end() is NONE
    assert markers(client, topic) == 1


@pytest.mark.parametrize(("version", "code"), [(1, ErrorCode.invalid_producer_epoch), (2, ErrorCode.producer_fenced)])
def test_a_zombie_is_refused_in_the_words_of_its_version(
    producer: Transactional, new_topic: NewTopic, version: int, code: ErrorCode
) -> None:
    zombie = producer.zombie()
    topic = new_topic()
    assert zombie.add(topic, version) is code
    assert zombie.add_offsets("group", version) is code
    assert zombie.end(version=version) is code
    assert zombie.produce(topic) is ErrorCode.invalid_producer_epoch


def test_all_partitions_are_added_or_none(client: WireClient, producer: Transactional, new_topic: NewTopic) -> None:
    topic = new_topic()
    topics = [{"name": topic, "partitions": (0, 7)}, {"name": "__consumer_offsets-not", "partitions": (0,)}]
    values = {f"v3_and_below_{name}": value for name, value in {**producer.identity, "topics": topics}.items()}
    found = client.call("add_partitions_to_txn", 3, values).results_by_topic_v3_and_below
    codes = [result.partition_error_code for topic in found for result in topic.results_by_partition]
    unknown = ErrorCode.unknown_topic_or_partition
    assert codes == [ErrorCode.operation_not_attempted, unknown, unknown]
    assert producer.end() is ErrorCode.invalid_txn_state


def test_a_broker_may_ask_without_adding(client: WireClient, producer: Transactional, new_topic: NewTopic) -> None:
    added, missing = new_topic(), new_topic()
    producer.add(added)
    topics = [{"name": name, "partitions": (0,)} for name in (added, missing)]
    values = {"transactions": [{**producer.identity, "verify_only": True, "topics": topics}]}
    [answer] = client.call("add_partitions_to_txn", 5, values).results_by_transaction
    codes = {topic.name: topic.results_by_partition[0].partition_error_code for topic in answer.topic_results}
    assert codes == {added: NONE, missing: ErrorCode.transaction_abortable}


@pytest.mark.parametrize(
    ("version", "code"),
    [(10, ErrorCode.invalid_txn_state), (11, ErrorCode.transaction_abortable), (12, ErrorCode.none)],
)
def test_a_batch_outside_of_its_transaction(
    producer: Transactional, new_topic: NewTopic, version: int, code: ErrorCode
) -> None:
    assert producer.produce(new_topic(), version) is code


@each_version("end_txn")
@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_ends(
    client: WireClient, producer: Transactional, new_topic: NewTopic, version: int, commit: bool
) -> None:
    topic, before = new_topic(), producer.epoch
    for number in range(2):
        assert producer.add(topic) is NONE
        assert producer.produce(topic) is NONE
        assert producer.end(commit=commit, version=version) is NONE
        assert markers(client, topic) == number + 1
    assert producer.epoch == before + (2 if version >= 5 else 0)


def test_a_reader_of_committed_records_sleeps_while_a_transaction_grows(
    client: WireClient, producer: Transactional, new_topic: NewTopic, shared_broker: Broker
) -> None:
    topic = new_topic()
    wanted = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}
    values = {
        "max_wait": datetime.timedelta(seconds=60),
        "min_bytes": 1,
        "max_bytes": 1 << 20,
        "isolation_level": 1,
        "session_epoch": -1,
        "topics": [{"topic": topic, "partitions": [wanted]}],
    }
    with WireClient(shared_broker.port) as reader:
        reader.send("fetch", 11, values)
        for _ in range(2):
            assert producer.add(topic) is NONE
            assert producer.produce(topic) is NONE
        assert producer.end() is NONE
        [answer] = reader.receive().responses[0].partitions
    offsets = [header.last_offset for _, header in whole_batches(answer.records)]
    assert (offsets, answer.last_stable_offset) == ([0, 1, 2], 3)


@each_version("add_offsets_to_txn")
def test_offsets_are_added(producer: Transactional, version: int) -> None:
    assert producer.add_offsets("group", version) is NONE
    assert producer.add_offsets("", version) is ErrorCode.invalid_group_id


@each_version("txn_offset_commit")
@pytest.mark.parametrize("commit", [True, False])
def test_offsets_count_when_their_transaction_is_committed(
    client: WireClient, producer: Transactional, new_topic: NewTopic, version: int, commit: bool
) -> None:
    topic, group = new_topic(), f"group-{uuid.uuid4()}"
    if version < 5:
        refused = ErrorCode.transaction_abortable if version == 4 else ErrorCode.invalid_txn_state
        assert producer.commit_offset(group, topic, 3, version) is refused
        assert producer.add_offsets(group) is NONE
    assert producer.commit_offset(group, topic, 3, version) is NONE
    assert committed(client, group, topic) == (-1, NONE)
    assert committed(client, group, topic, require_stable=True) == (-1, ErrorCode.unstable_offset_commit)
    assert producer.end(commit=commit) is NONE
    assert committed(client, group, topic, require_stable=True) == (3 if commit else -1, NONE)


def test_offsets_of_a_zombie_are_refused(producer: Transactional, new_topic: NewTopic) -> None:
    producer.add_offsets("group")
    assert producer.zombie().commit_offset("group", new_topic(), 1) is ErrorCode.invalid_producer_epoch


def test_offsets_of_a_partition_that_is_not_there_are_refused(producer: Transactional) -> None:
    producer.add_offsets("group")
    assert producer.commit_offset("group", "nothing", 1) is ErrorCode.unknown_topic_or_partition


@each_version("write_txn_markers")
def test_an_administrator_ends_a_transaction(
    client: WireClient, producer: Transactional, new_topic: NewTopic, version: int
) -> None:
    topic = new_topic()
    producer.add(topic)
    producer.produce(topic)
    topics = [{"name": name, "partition_indexes": (0,)} for name in (topic, "nothing")]
    marker = {
        "producer_id": producer.producer_id,
        "producer_epoch": producer.epoch,
        "transaction_result": False,
        "topics": topics,
    }
    [answer] = client.call("write_txn_markers", version, {"markers": [marker]}).markers
    codes = {found.name: found.partitions[0].error_code for found in answer.topics}
    assert codes == {topic: NONE, "nothing": ErrorCode.unknown_topic_or_partition}
    assert markers(client, topic) == 1


def test_an_administrator_cannot_end_what_a_later_producer_began(
    client: WireClient, producer: Transactional, new_topic: NewTopic
) -> None:
    topic = new_topic()
    producer.add(topic)
    producer.produce(topic)
    before = producer.zombie()
    assert producer.add(topic) is NONE
    assert producer.produce(topic) is NONE
    marker = {
        "producer_id": before.producer_id,
        "producer_epoch": before.epoch,
        "transaction_result": False,
        "topics": [{"name": topic, "partition_indexes": (0,)}],
    }
    [answer] = client.call("write_txn_markers", 2, {"markers": [marker]}).markers
    assert answer.topics[0].partitions[0].error_code is ErrorCode.invalid_producer_epoch
    assert markers(client, topic) == 1, "that of the first transaction, which the second producer aborted"


@pytest.mark.parametrize("timestamp", [0, -3])
def test_no_time_is_found_in_a_transaction_that_goes_on(
    client: WireClient, producer: Transactional, new_topic: NewTopic, timestamp: int
) -> None:
    """By who reads only what is committed: the record may never be."""
    topic = new_topic()

    def find(isolation_level: int) -> int:
        partitions = [{"partition_index": 0, "timestamp": timestamp, "current_leader_epoch": -1}]
        topics = [{"name": topic, "partitions": partitions}]
        answer = client.call("list_offsets", 11, {"isolation_level": isolation_level, "topics": topics})
        return int(answer.topics[0].partitions[0].offset)

    producer.add(topic)
    producer.produce(topic)
    assert (find(0), find(1)) == (0, -1)
    producer.end()
    assert find(0) == find(1) >= 0


@each_version("list_transactions")
def test_transactions_are_listed(
    client: WireClient, producer: Transactional, new_topic: NewTopic, version: int
) -> None:
    def ids(**values: object) -> set[str]:
        filters = {"duration_filter": -1, "producer_id_filters": (producer.producer_id,), **values}
        answer = client.call("list_transactions", version, filters)
        assert answer.error_code is NONE
        return {found.transactional_id for found in answer.transaction_states}

    producer.add(new_topic())
    name = producer.transactional_id
    assert ids() == ids(state_filters=("Ongoing",)) == {name}
    assert ids(state_filters=("Empty",)) == set()
    if version >= 1:
        assert ids(duration_filter=60_000) == set()
    if version >= 2:
        assert ids(transactional_id_pattern="id-.*") == {name}
        assert ids(transactional_id_pattern="id") == set()


@pytest.mark.parametrize("pattern", ["(", "a{1001}", r"(a)\1"])
def test_what_cannot_be_listed_is_told(client: WireClient, pattern: str) -> None:
    assert client.call("list_transactions", 0, {"state_filters": ("Asleep",)}).unknown_state_filters == ("Asleep",)
    refused = client.call("list_transactions", 2, {"duration_filter": -1, "transactional_id_pattern": pattern})
    assert refused.error_code is ErrorCode.invalid_regular_expression


def test_no_pattern_is_matched_again_and_again(client: WireClient) -> None:
    """Python's own `re` would be busy with this one for years."""
    transactional_id = "a" * 60 + "b"
    Transactional(client, transactional_id).init()
    answer = client.call("list_transactions", 2, {"duration_filter": -1, "transactional_id_pattern": "(a+)+$"})
    assert (answer.error_code, answer.transaction_states) == (NONE, ())


def test_transactions_are_described(client: WireClient, producer: Transactional, new_topic: NewTopic) -> None:
    topic = new_topic()
    producer.add(topic)
    producer.end()
    ids = (producer.transactional_id, "nobody", "")
    idle, unknown, nameless = client.call("describe_transactions", 0, {"transactional_ids": ids}).transaction_states
    assert (idle.transaction_state, idle.transaction_timeout, idle.topics) == ("CompleteCommit", TIMEOUT, ())
    assert unknown.error_code is ErrorCode.transactional_id_not_found
    assert nameless.error_code is ErrorCode.invalid_request
    producer.add(topic)
    [found] = client.call("describe_transactions", 0, {"transactional_ids": ids[:1]}).transaction_states
    assert (found.error_code, found.transaction_state) == (NONE, "Ongoing")
    assert (found.producer_id, found.producer_epoch) == (producer.producer_id, producer.epoch)
    assert [(each.topic, each.partitions) for each in found.topics] == [(topic, (0,))]

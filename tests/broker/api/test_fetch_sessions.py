"""Fetch sessions over the wire: what an incremental request may leave out, and what its answer does."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.records import build_batch, records_in
from tests.broker.api.conftest import NewTopic, create, produce, produce_values
from tests.broker.wire_client import WireClient

BY_NAME, BY_ID = 12, 17
LONG = 20.0


class Session:
    """A client's side of a session."""

    def __init__(self, client: WireClient, version: int = BY_ID) -> None:
        self.client = client
        self.version = version
        self.id, self.epoch = 0, 0

    def fetch(self, *asked: dict[str, Any], **options: Any) -> Any:
        self.send(*asked, **options)
        return self.receive()

    def send(
        self,
        *asked: dict[str, Any],
        forget: Sequence[dict[str, Any]] = (),
        seconds: float = 0,
        max_bytes: int = 1 << 20,
    ) -> None:
        request = {
            "max_wait": datetime.timedelta(seconds=seconds),
            "min_bytes": 1,
            "max_bytes": max_bytes,
            "session_id": self.id,
            "session_epoch": self.epoch,
            "topics": list(asked),
            "forgotten_topics_data": list(forget),
        }
        self.client.send("fetch", self.version, request)

    def receive(self) -> Any:
        answer = self.client.receive()
        if answer.error_code is ErrorCode.none:
            self.id, self.epoch = answer.session_id, self.epoch + 1
        return answer


def asked(topic: str | uuid.UUID, *partitions: int, offset: int = 0) -> dict[str, Any]:
    fields = [
        {"partition": partition, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
        for partition in partitions or [0]
    ]
    return {"topic" if isinstance(topic, str) else "topic_id": topic, "partitions": fields}


def id_of(client: WireClient, name: str) -> uuid.UUID:
    found: uuid.UUID = client.call("metadata", 12, {"topics": [{"name": name}]}).topics[0].topic_id
    return found


def values(answer: Any) -> list[bytes | None]:
    return [
        record.value
        for topic in answer.responses
        for partition in topic.partitions
        for record in records_in(partition.records)
    ]


def test_an_answer_names_only_what_changed(client: WireClient, new_topic: NewTopic) -> None:
    names = [new_topic() for _ in range(3)]
    ids = [id_of(client, name) for name in names]
    session = Session(client)
    assert len(session.fetch(*(asked(topic) for topic in ids)).responses) == 3
    assert session.id > 0
    assert session.fetch().responses == ()
    produce_values(client, names[1], b"news")
    answer = session.fetch()
    assert [topic.topic_id for topic in answer.responses] == [ids[1]]
    assert values(answer) == [b"news"]
    assert values(session.fetch(asked(ids[1], offset=1))) == []
    assert session.fetch().responses == ()


@pytest.mark.parametrize("version", [7, BY_NAME, 13, 18])
def test_an_incremental_fetch_waits_for_what_its_session_fetches(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic, version: int
) -> None:
    quiet, busy = new_topic(), new_topic()
    topics = (quiet, busy) if version <= BY_NAME else (id_of(client, quiet), id_of(client, busy))
    session = Session(client, version)
    session.fetch(*(asked(topic) for topic in topics))
    session.send(seconds=LONG)
    with WireClient(shared_broker.port) as other:
        produce_values(other, busy, b"news")
    assert values(session.receive()) == [b"news"]


def test_records_that_found_no_room_come_in_the_next_answers(client: WireClient, new_topic: NewTopic) -> None:
    """And each partition has its turn, although those before it have more."""
    names = [new_topic(compression_type="producer") for _ in range(4)]
    for name in names:
        for _ in range(3):
            produce_values(client, name, name.encode() + b"." * 1000)
    ids = {id_of(client, name): name for name in names}
    session = Session(client)
    answer = session.fetch(*(asked(topic) for topic in ids), max_bytes=100)
    seen: list[bytes | None] = values(answer)[:1]
    for _ in names[1:]:
        [at] = [topic.topic_id for topic in answer.responses if topic.partitions[0].records]
        answer = session.fetch(asked(at, offset=1), max_bytes=100)
        seen += values(answer)[:1]
    assert {value[: len(names[0])].decode() for value in seen if value} == set(names)


def test_a_forgotten_partition_is_not_told_of(client: WireClient, new_topic: NewTopic) -> None:
    names = [new_topic() for _ in range(2)]
    ids = [id_of(client, name) for name in names]
    session = Session(client)
    session.fetch(*(asked(topic) for topic in ids))
    for name in names:
        produce_values(client, name, name.encode())
    answer = session.fetch(forget=[{"topic_id": ids[0], "partitions": (0,)}])
    assert values(answer) == [names[1].encode()]
    answer = session.fetch(forget=[{"topic_id": ids[1], "partitions": (0,)}])
    assert (answer.session_id, answer.responses) == (0, ())


def test_an_epoch_out_of_turn_is_refused_and_changes_nothing(client: WireClient, new_topic: NewTopic) -> None:
    topic = id_of(client, new_topic())
    session = Session(client)
    session.fetch(asked(topic))
    session.epoch += 1
    assert session.fetch().error_code is ErrorCode.invalid_fetch_session_epoch
    session.epoch -= 1
    assert session.fetch().error_code is ErrorCode.none


def test_a_session_that_is_not_there_is_refused(client: WireClient) -> None:
    session = Session(client)
    session.id, session.epoch = 5, 3
    answer = session.fetch()
    assert (answer.error_code, answer.session_id) == (ErrorCode.fetch_session_id_not_found, 0)


def test_a_full_request_ends_the_session_it_names(client: WireClient, new_topic: NewTopic) -> None:
    topic = id_of(client, new_topic())
    session = Session(client)
    session.fetch(asked(topic))
    first = session.id
    session.epoch = 0
    session.fetch(asked(topic))
    assert session.id not in (0, first)
    session.epoch = -1
    assert session.fetch(asked(topic)).session_id == 0
    session.id, session.epoch = first, 1
    assert session.fetch().error_code is ErrorCode.fetch_session_id_not_found


@pytest.mark.parametrize(("version", "other"), [(BY_NAME, BY_ID), (BY_ID, BY_NAME)])
def test_a_session_keeps_to_names_or_to_ids(client: WireClient, new_topic: NewTopic, version: int, other: int) -> None:
    name = new_topic()
    topic = name if version == BY_NAME else id_of(client, name)
    session = Session(client, version)
    session.fetch(asked(topic))
    session.version = other
    assert session.fetch().error_code is ErrorCode.fetch_session_topic_id_error


def test_a_session_goes_from_connection_to_connection(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic
) -> None:
    name = new_topic()
    session = Session(client)
    session.fetch(asked(id_of(client, name)))
    produce_values(client, name, b"news")
    with WireClient(shared_broker.port) as other:
        session.client = other
        assert values(session.fetch()) == [b"news"]


def test_a_second_request_makes_the_one_that_waits_invalid(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic
) -> None:
    name = new_topic()
    session = Session(client)
    session.fetch(asked(id_of(client, name)))
    session.send(seconds=LONG)
    with WireClient(shared_broker.port) as other:
        second = Session(other)
        second.id, second.epoch = session.id, session.epoch
        while second.fetch().error_code is ErrorCode.invalid_fetch_session_epoch:
            second.epoch = session.epoch + 1
        produce_values(other, name, b"news")
    assert client.receive().error_code is ErrorCode.invalid_fetch_session_epoch


def test_a_topic_made_again_is_another_in_a_session_by_ids(client: WireClient) -> None:
    name = f"again-{uuid.uuid4().hex}"
    create(client, name)
    first = id_of(client, name)
    session = Session(client)
    session.fetch(asked(first))
    client.call("delete_topics", 5, {"topic_names": (name,)})
    create(client, name)
    produce_values(client, name, b"new")
    for _ in range(2):  # an error is told of each time
        [topic] = session.fetch().responses
        assert (topic.topic_id, topic.partitions[0].error_code) == (first, ErrorCode.unknown_topic_id)
    answer = session.fetch(asked(id_of(client, name)), forget=[{"topic_id": first, "partitions": (0,)}])
    assert values(answer) == [b"new"]
    assert [topic.partitions[0].error_code for topic in answer.responses] == [ErrorCode.none]


def test_a_session_by_names_ends_with_one_of_its_topics(client: WireClient, new_topic: NewTopic) -> None:
    stays, name = new_topic(), f"again-{uuid.uuid4().hex}"
    create(client, name)
    session = Session(client, BY_NAME)
    session.fetch(asked(stays), asked(name))
    client.call("delete_topics", 5, {"topic_names": (name,)})
    assert session.fetch().error_code is ErrorCode.fetch_session_id_not_found
    session.epoch = 0
    answer = session.fetch(asked(stays), asked(name))
    found = {topic.topic: topic.partitions[0].error_code for topic in answer.responses}
    assert found == {stays: ErrorCode.none, name: ErrorCode.unknown_topic_or_partition}
    assert session.id == 0
    create(client, name)
    session.epoch = 0
    session.fetch(asked(stays), asked(name))
    assert session.id > 0


def test_a_moved_log_start_is_told(client: WireClient, new_topic: NewTopic) -> None:
    name = new_topic()
    produce_values(client, name, b"1", b"2")
    session = Session(client)
    session.fetch(asked(id_of(client, name), offset=2))
    assert session.fetch().responses == ()
    partition = {"partition_index": 0, "offset": 2}
    client.call("delete_records", 2, {"topics": [{"name": name, "partitions": [partition]}]})
    [topic] = session.fetch().responses
    assert topic.partitions[0].log_start_offset == 2


def test_a_thousand_partitions_are_one_session(client: WireClient) -> None:
    name = f"wide-{uuid.uuid4().hex}"
    create(client, name, num_partitions=1000)
    topic = id_of(client, name)
    session = Session(client)
    [first] = session.fetch(asked(topic, *range(1000))).responses
    assert len(first.partitions) == 1000
    assert session.fetch().responses == ()
    assert produce(client, name, build_batch([(None, b"news")], 1), partition=777).error_code is ErrorCode.none
    [found] = session.fetch().responses
    assert [partition.partition_index for partition in found.partitions] == [777]
    client.call("delete_topics", 5, {"topic_names": (name,)})


END = -1

steps = st.lists(
    st.one_of(
        st.tuples(st.just("produce"), st.integers(0, 1)),
        st.tuples(st.just("fetch"), st.dictionaries(st.integers(0, 1), st.sampled_from([0, 1, END, END]), max_size=2)),
        st.tuples(st.just("forget"), st.integers(0, 1)),
        st.tuples(st.just("delete records"), st.integers(0, 1)),
        st.tuples(st.just("start again"), st.none()),
    ),
    max_size=25,
)


@given(steps)
@example([("produce", 0), ("fetch", {0: END}), ("delete records", 0)])
def test_what_incremental_answers_add_up_to_is_what_a_full_answer_says(
    shared_broker: Broker, steps: list[tuple[str, Any]]
) -> None:
    """Whatever is asked, forgotten, written and deleted in between: a client knows the ends of each partition that it
    fetches, and gets the records that it does not have."""
    with WireClient(shared_broker.port) as client:
        name = f"explored-{uuid.uuid4().hex}"
        create(client, name, num_partitions=2)
        topic = id_of(client, name)
        session, positions, ends = Session(client), dict.fromkeys(range(2), 0), dict.fromkeys(range(2), 0)
        known: dict[int, tuple[object, ...]] = {}
        learn(known, session.fetch(asked(topic, *positions)))
        for action, value in [*steps, ("fetch", {})]:
            if action == "produce":
                produce(client, name, build_batch([(None, b"v")], 1), partition=value)
                ends[value] += 1
            elif action == "delete records":
                partitions = [{"partition_index": value, "offset": -1}]
                client.call("delete_records", 2, {"topics": [{"name": name, "partitions": partitions}]})
            elif action == "forget" and len(positions) > 1 and positions.pop(value, None) is not None:
                known.pop(value, None)
                learn(known, session.fetch(forget=[{"topic_id": topic, "partitions": (value,)}]))
            elif action == "start again":
                session, known = Session(client), {}
                learn(known, session.fetch(*(asked(topic, at, offset=offset) for at, offset in positions.items())))
            elif action == "fetch":
                moved = {at: ends[at] if offset == END else offset for at, offset in value.items()}
                positions |= moved
                learn(known, session.fetch(*(asked(topic, at, offset=offset) for at, offset in moved.items())))
                whole = Session(client)
                whole.epoch = -1
                full: dict[int, tuple[object, ...]] = {}
                learn(full, whole.fetch(*(asked(topic, at, offset=offset) for at, offset in positions.items())))
                assert known == full
        client.call("delete_topics", 5, {"topic_names": (name,)})


def learn(known: dict[int, tuple[object, ...]], answer: Any) -> None:
    """What a client makes of an answer: of a partition that is not in it nothing is new, and no record came."""
    assert answer.error_code is ErrorCode.none
    for partition, facts in known.items():
        known[partition] = (*facts[:3], 0)
    for topic in answer.responses:
        for each in topic.partitions:
            facts = (each.error_code, each.high_watermark, each.log_start_offset, len(each.records))
            known[each.partition_index] = facts

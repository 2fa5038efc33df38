"""Lifting and lowering between versions of kio's entities."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.api import SERVED, handled
from logpost_broker.wire.convert import TopicNames, compile_conversion
from tests.broker.wire_client import entity, load, versions

KNOWN_ID = uuid.UUID(int=5)


@dataclass(frozen=True)
class KnownTopic:
    name: str = "known"
    id: uuid.UUID = KNOWN_ID


class Topics:
    """One topic is known."""

    def by_name(self, name: str) -> KnownTopic | None:
        return KnownTopic() if name == "known" else None

    def by_id(self, topic_id: uuid.UUID | None) -> KnownTopic | None:
        return KnownTopic() if topic_id == KNOWN_ID else None


def convert(source: object, api: str, version: int, kind: str) -> object:
    conversion = compile_conversion(type(source), load(api, version, kind))
    return source if conversion is None else conversion(source, TopicNames(Topics()))


def test_what_is_the_same_is_not_touched() -> None:
    newest = load("produce", 13, "request")
    assert compile_conversion(newest, newest) is None
    assert compile_conversion(load("metadata", 13, "response"), load("metadata", 12, "response")) is None


def test_new_fields_get_the_default_of_the_schema() -> None:
    lifted = convert(entity(load("fetch", 4, "request"), {"max_bytes": 7}), "fetch", 18, "request")
    assert (lifted.max_bytes, lifted.session_epoch, lifted.rack_id, lifted.cluster_id) == (7, -1, "", None)  # type: ignore[attr-defined]
    assert lifted.replica_state.replica_id == -1  # type: ignore[attr-defined]


def test_null_becomes_empty_where_an_old_version_has_no_null() -> None:
    response = entity(load("join_group", 9, "response"), {"protocol_name": None, "error_code": ErrorCode.none})
    assert convert(response, "join_group", 6, "response").protocol_name == ""  # type: ignore[attr-defined]
    assert convert(response, "join_group", 7, "response").protocol_name is None  # type: ignore[attr-defined]


def test_names_become_ids_and_names_again() -> None:
    names = TopicNames(Topics())
    lift = compile_conversion(load("produce", 9, "request"), load("produce", 13, "request"))
    lower = compile_conversion(load("produce", 13, "response"), load("produce", 9, "response"))
    assert lift is not None
    assert lower is not None
    request = entity(load("produce", 9, "request"), {"topic_data": [{"name": "known"}, {"name": "unknown"}]})
    known, unknown = (topic.topic_id for topic in lift(request, names).topic_data)
    assert known == KNOWN_ID
    answers = [
        {"topic_id": topic_id, "partition_responses": [{"error_code": ErrorCode.unknown_topic_id}]}
        for topic_id in (unknown, known)
    ]
    response = entity(load("produce", 13, "response"), {"responses": answers})
    lowered = lower(response, names).responses
    assert [topic.name for topic in lowered] == ["unknown", "known"]
    assert lowered[0].partition_responses[0].error_code is ErrorCode.unknown_topic_or_partition


def test_a_name_outlives_its_topic_for_the_length_of_a_request() -> None:
    class Vanishing(Topics):
        def by_id(self, topic_id: uuid.UUID | None) -> KnownTopic | None:
            return None

    names = TopicNames(Vanishing())
    assert names.name_of(names.id_of("known")) == "known"
    assert names.name_of(uuid.uuid4()) == ""


@pytest.mark.parametrize("key", sorted(SERVED))
def test_every_version_of_every_api_compiles(key: int) -> None:
    api = handled(key)
    assert api is not None
    for version in versions(api.name):
        for kind, newest, adapted in (("request", api.request, api.lift), ("response", api.response, api.lower)):
            other = load(api.name, version, kind)
            pair = (other, newest) if kind == "request" else (newest, other)
            compile_conversion(*pair, adapted, version)


def test_durations_that_a_version_has_not_are_none_at_all() -> None:
    lifted = convert(entity(load("list_offsets", 1, "request"), {}), "list_offsets", 11, "request")
    assert lifted.timeout == datetime.timedelta(0)  # type: ignore[attr-defined]

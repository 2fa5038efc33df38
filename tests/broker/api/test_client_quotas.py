"""DescribeClientQuotas and AlterClientQuotas: what is set is described, also after a restart.

The expected answers are those of Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.wire_client import WireClient, versions

EXACT, DEFAULT, SPECIFIED = range(3)
RATE = "producer_byte_rate"

Entity = dict[str, str | None]
Limits = dict[str, float | None]


@pytest.fixture
def client() -> Iterator[WireClient]:
    with Broker() as broker, WireClient(broker.port) as connected:
        yield connected


def alter(
    client: WireClient, entity: Entity, limits: Limits, *, version: int = 1, validate_only: bool = False
) -> ErrorCode:
    ops = [{"key": key, "value": value or 0.0, "remove": value is None} for key, value in limits.items()]
    parts = [{"entity_type": kind, "entity_name": name} for kind, name in entity.items()]
    asked = {"entries": [{"entity": parts, "ops": ops}], "validate_only": validate_only}
    [entry] = client.call("alter_client_quotas", version, asked).entries
    assert {part.entity_type: part.entity_name for part in entry.entity} == entity
    code: ErrorCode = entry.error_code
    return code


def ask(client: WireClient, *components: tuple[str, int, str | None], strict: bool = False, version: int = 1) -> Any:
    wanted = [{"entity_type": kind, "match_type": match, "match": name} for kind, match, name in components]
    return client.call("describe_client_quotas", version, {"components": wanted, "strict": strict})


def found(answer: Any) -> list[tuple[Entity, dict[str, float]]]:
    assert answer.error_code is ErrorCode.none
    return [
        (
            {part.entity_type: part.entity_name for part in entry.entity},
            {value.key: value.value for value in entry.values},
        )
        for entry in answer.entries
    ]


@pytest.mark.parametrize("version", versions("alter_client_quotas"))
def test_limits_are_set_changed_and_removed(client: WireClient, version: int) -> None:
    user: Entity = {"user": "a"}
    assert alter(client, user, {RATE: 1000.0, "request_percentage": 50.5}, version=version) is ErrorCode.none
    assert alter(client, user, {RATE: 7.0, "consumer_byte_rate": None}, version=version) is ErrorCode.none
    assert found(ask(client, version=version)) == [(user, {RATE: 7.0, "request_percentage": 50.5})]
    assert alter(client, user, {RATE: None, "request_percentage": None}, version=version) is ErrorCode.none
    assert found(ask(client, version=version)) == []


def test_the_log_says_that_a_quota_limits_nobody(client: WireClient, caplog: pytest.LogCaptureFixture) -> None:
    assert alter(client, {"user": "a"}, {RATE: 1000.0}) is ErrorCode.none
    assert "limit nobody" in caplog.text


def test_a_dry_run_changes_nothing(client: WireClient) -> None:
    assert alter(client, {"client-id": "c"}, {RATE: 1.0}, validate_only=True) is ErrorCode.none
    assert found(ask(client)) == []


@pytest.mark.parametrize(
    ("entity", "limits"),
    [
        ({"user": "a"}, {RATE: 0.0}),
        ({"user": "a"}, {RATE: -1.0}),
        ({"user": "a"}, {RATE: 1.5}),
        ({"user": "a"}, {RATE: 0.5}),
        ({"user": "a"}, {RATE: 1e30}),
        ({"user": "a"}, {RATE: float("inf")}),
        ({"user": "a"}, {RATE: float("nan")}),  # Kafka takes it
        ({"user": "a"}, {"none": 1.0}),
        ({"user": "a"}, {"connection_creation_rate": 1.0}),
        ({"user": ""}, {RATE: 1.0}),
        ({"host": "a"}, {RATE: 1.0}),
        ({}, {RATE: 1.0}),
        ({"ip": "10.0.0.1"}, {RATE: 1.0}),
        ({"ip": "no such host"}, {"connection_creation_rate": 1.0}),
        ({"ip": "999.1.1.1"}, {"connection_creation_rate": 1.0}),
        ({"ip": "10.0.0.1"}, {"connection_creation_rate": 2.0**31}),
        ({"ip": "10.0.0.1", "user": "a"}, {"connection_creation_rate": 1.0}),
    ],
)
def test_what_cannot_be_a_quota_is_refused(client: WireClient, entity: Entity, limits: Limits) -> None:
    assert alter(client, entity, limits) is ErrorCode.invalid_request
    assert found(ask(client)) == []


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "web-1.example.org", None])
def test_addresses_have_a_rate_of_connections(client: WireClient, address: str | None) -> None:
    assert alter(client, {"ip": address}, {"connection_creation_rate": 5.0}) is ErrorCode.none
    assert found(ask(client, ("ip", SPECIFIED, None))) == [({"ip": address}, {"connection_creation_rate": 5.0})]


def test_a_filter_finds_names_defaults_and_combinations(client: WireClient) -> None:
    entities: list[Entity] = [
        {"user": "a"},
        {"user": "a", "client-id": "c"},
        {"user": "a", "client-id": None},
        {"user": None},
        {"client-id": "c"},
    ]
    for entity in entities:
        assert alter(client, entity, {RATE: 1.0}) is ErrorCode.none

    def matching(*components: tuple[str, int, str | None], strict: bool = False) -> list[Entity]:
        return [entity for entity, _ in found(ask(client, *components, strict=strict))]

    assert matching() == entities
    assert matching(strict=True) == []
    assert matching(("user", EXACT, "a")) == entities[:3]
    assert matching(("user", EXACT, "a"), strict=True) == entities[:1]
    assert matching(("user", DEFAULT, None)) == [entities[3]]
    assert matching(("user", SPECIFIED, None), strict=True) == [entities[0], entities[3]]
    assert matching(("user", EXACT, "a"), ("client-id", EXACT, "c")) == [entities[1]]
    assert matching(("user", EXACT, "b")) == []


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ([("", SPECIFIED, None)], ErrorCode.invalid_request),
        ([("host", SPECIFIED, None)], ErrorCode.unsupported_version),
        ([("user", 9, None)], ErrorCode.invalid_request),
        ([("user", EXACT, None)], ErrorCode.invalid_request),
        ([("user", DEFAULT, "a")], ErrorCode.invalid_request),
        ([("user", SPECIFIED, "a")], ErrorCode.invalid_request),
        ([("user", EXACT, "a"), ("user", EXACT, "b")], ErrorCode.invalid_request),
        ([("ip", SPECIFIED, None), ("user", SPECIFIED, None)], ErrorCode.invalid_request),
    ],
)
def test_what_cannot_be_a_filter_is_refused(
    client: WireClient, components: list[tuple[str, int, str | None]], code: ErrorCode
) -> None:
    answer = ask(client, *components)
    assert (answer.error_code, answer.entries) == (code, None)


def test_an_entity_or_a_limit_that_is_given_twice_is_refused(client: WireClient) -> None:
    op = {"key": RATE, "value": 1.0, "remove": False}
    entry = {"entity": [{"entity_type": "user", "entity_name": "a"}], "ops": [op]}
    for entries in ([entry, entry], [entry | {"ops": [op, op]}]):
        [answer] = client.call("alter_client_quotas", 1, {"entries": entries, "validate_only": False}).entries
        assert answer.error_code is ErrorCode.invalid_request
    assert found(ask(client)) == []


def test_quotas_outlive_the_broker(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert alter(client, {"user": None}, {RATE: 1.0}) is ErrorCode.none
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert found(ask(client)) == [({"user": None}, {RATE: 1.0})]


def test_a_client_is_told_before_its_user(client: WireClient) -> None:
    op = {"key": RATE, "value": 1.0, "remove": False}
    parts = [{"entity_type": kind, "entity_name": "x"} for kind in ("user", "client-id")]
    [changed] = client.call("alter_client_quotas", 1, {"entries": [{"entity": parts, "ops": [op]}]}).entries
    [described] = ask(client).entries
    for entry in (changed, described):
        assert [part.entity_type for part in entry.entity] == ["client-id", "user"]

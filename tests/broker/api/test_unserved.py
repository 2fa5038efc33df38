"""Requests of APIs and versions that the broker has not: refused in their own shape, or by closing the connection."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map

from logpost_broker import Broker
from tests.broker.wire_client import WireClient

BETWEEN_BROKERS = (52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82)
TELEMETRY = (71, 72)
UNSERVED = [(key, version) for key in BETWEEN_BROKERS + TELEMETRY for version in schema_name_map[api_key_map[key]]]


def frame(key: int, version: int, body: bytes = b"") -> bytes:
    """A request without client id whose header is not flexible."""
    return key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big", signed=True) + bytes(4) + b"\xff\xff" + body


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[WireClient]:
    with WireClient(shared_broker.port) as connected:
        yield connected


def test_telemetry_is_refused_in_its_own_shape_and_the_connection_goes_on(client: WireClient) -> None:
    asked: dict[str, Any] = {"client_instance_id": uuid.uuid4()}
    for api in ("get_telemetry_subscriptions", "push_telemetry"):
        assert client.call(api, 0, asked).error_code is ErrorCode.unsupported_version
    assert client.call("api_versions", 0, {}).error_code is ErrorCode.none


@pytest.mark.parametrize(("key", "version"), UNSERVED)
def test_every_api_between_brokers_is_refused(client: WireClient, key: int, version: int) -> None:
    client.send(api_key_map[key], version, {})
    assert client.receive().error_code is ErrorCode.unsupported_version


def test_what_is_refused_is_not_announced(client: WireClient) -> None:
    announced = {found.api_key for found in client.call("api_versions", 4, {"client_software_name": "t"}).api_keys}
    assert announced.isdisjoint(key for key, _ in UNSERVED)


@pytest.mark.parametrize(
    "request_frame",
    [
        frame(999, 0),
        frame(-1, 0),
        frame(3, 99),
        frame(3, -1),
        frame(0, 2, bytes(30)),
        frame(1, 3, bytes(30)),
        frame(71, 9),
        frame(3, 1, b"\x00\x00\x00\x05"),
        frame(3, 1)[:6],
    ],
    ids=[
        "an unknown key",
        "a negative key",
        "a version to come",
        "a negative version",
        "Produce before 3, which is announced all the same",
        "Fetch before 4",
        "an unserved API in a version to come",
        "a malformed body",
        "half a header",
    ],
)
def test_what_nobody_can_answer_closes_the_connection_as_kafka_does(client: WireClient, request_frame: bytes) -> None:
    client.send_frame(request_frame)
    with pytest.raises(EOFError):
        client.receive_frame()


def test_bytes_after_a_request_are_passed_over_as_by_kafka(client: WireClient) -> None:
    client.send_frame(frame(3, 1, bytes(4) + b"and more"))
    assert client.receive_frame()

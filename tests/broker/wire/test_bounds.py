"""What requests claim of themselves: arrays longer than their bytes, tagged fields of a newer client, any bytes."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError

from logpost_broker import Broker
from logpost_broker.api import SERVED, handled
from logpost_broker.api.unserved import unserved_api
from logpost_broker.coordinator.record_fields import unsigned_varint
from logpost_broker.errors import MalformedError, ProtocolError
from logpost_broker.wire.bounds import MAX_ELEMENTS, RequestBounds
from logpost_broker.wire.codec import VersionCodec
from logpost_broker.wire.convert import TopicNames
from logpost_broker.wire.header import MAX_TAGS, read_request_header
from logpost_broker.wire.walk import Elements, entity_step
from tests.broker.wire_client import WireClient, entity, load

ALL = [(api.name, version) for api in SERVED.values() for version in range(api.min_version, api.max_version + 1)]
FLEXIBLE = [(name, version) for name, version in ALL if load(name, version, "request").__flexible__]
HUGE = b"\xff\xff\xff\xff\x0f"
"""The length of a compact array, or string."""
UNKNOWN_TAGS = b"\x02\x63\x03abc\xe4\x8e\x01\x00"
"""Two of them: 99, of three bytes, and 18276, of none."""


@dataclasses.dataclass(frozen=True)
class NoTopics:
    def by_name(self, name: str) -> None:
        return None

    def by_id(self, topic_id: object) -> None:
        return None


def encoded(kind: type[Any], values: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    entity_writer(kind)(out, entity(kind, values))
    return out.getvalue()


def one_of_each(kind: type[Any]) -> dict[str, Any]:
    """Values with one element in each array."""
    return {field.name: [one_of_each(inner)] for field in dataclasses.fields(kind) if (inner := element(field.type))}


def element(annotation: Any) -> type[Any] | None:
    """The entity class of an array."""
    if get_origin(annotation) is not tuple:
        return None
    inner: type[Any] = get_args(annotation)[0]
    return inner if dataclasses.is_dataclass(inner) else None


@pytest.mark.parametrize(("name", "version"), ALL)
def test_what_claims_no_more_than_it_has_is_read_as_it_is(name: str, version: int) -> None:
    kind = load(name, version, "request")
    for values in ({}, one_of_each(kind)):
        request = encoded(kind, values)
        assert RequestBounds(kind).checked(b"head" + request, 4) == (b"head" + request, 4)


@pytest.mark.parametrize(("name", "version"), FLEXIBLE)
def test_tagged_fields_of_a_newer_client_are_passed_over(name: str, version: int) -> None:
    kind = load(name, version, "request")
    for values in ({}, one_of_each(kind)):
        request = encoded(kind, values)
        assert request.endswith(b"\0"), "no tagged fields"
        assert RequestBounds(kind).checked(request[:-1] + UNKNOWN_TAGS, 0) == (request, 0)


def test_tagged_fields_are_passed_over_wherever_they_are(shared_broker: Broker) -> None:
    kind = load("metadata", 12, "request")
    topic = bytes(16) + b"\x05none"
    rest = b"\x00\x00"
    plain = b"\x03" + (topic + b"\0") * 2 + rest + b"\0"
    tagged = b"\x03" + (topic + UNKNOWN_TAGS) * 2 + rest + UNKNOWN_TAGS
    assert RequestBounds(kind).checked(tagged, 0) == (plain, 0)
    with WireClient(shared_broker.port) as client:
        named = [{"topic_id": None, "name": "none"}] * 2
        client.send("metadata", 12, {"topics": named, "allow_auto_topic_creation": False})
        expected = client.receive_frame()[4:]
        client.send_frame(b"\x00\x03\x00\x0c\x00\x00\x00\x07\xff\xff" + UNKNOWN_TAGS + tagged)
        assert client.receive_frame()[4:] == expected


def test_known_tagged_fields_stay() -> None:
    kind = load("fetch", 18, "request")
    request = encoded(kind, {"cluster_id": "here"})
    assert request.endswith(b"\x01\x00\x05\x05here")
    both = request.removesuffix(b"\x01\x00\x05\x05here") + b"\x02\x00\x05\x05here\x63\x01x"
    assert RequestBounds(kind).checked(both, 0) == (request, 0)


@pytest.mark.parametrize(
    ("name", "version", "claim"),
    [
        ("metadata", 1, b"\x7f\xff\xff\xff"),
        ("metadata", 12, b"\xff\xff\xff\xff\x0f"),
        ("metadata", 12, b"\xff\xff\xff\xff\xff\x0f"),
        ("create_topics", 2, b"\xff\xff\xff\xff"),  # null, which the schema does not allow
        ("produce", 3, b"\xff\xff" + bytes(6) + b"\x7f\xff\xff\xff"),
        ("produce", 9, bytes(7) + b"\xff\xff\xff\xff\x07"),
        # In an array inside of another, and in a tagged field.
        ("fetch", 4, bytes(17) + b"\0\0\0\1\0\1t\x20\0\0\0"),
        ("broker_heartbeat", 1, bytes(22) + b"\x01\x00\x05\xff\xff\xff\xff\x07"),
    ],
)
def test_an_array_cannot_be_longer_than_its_bytes(name: str, version: int, claim: bytes) -> None:
    with pytest.raises(ValueError, match=r"an array of|a varint"):
        RequestBounds(load(name, version, "request")).checked(claim + bytes(20), 0)


@pytest.mark.parametrize(
    ("name", "version", "hidden"),
    [
        # A tagged field that ends before it says: kio reads what it jumps over.
        ("fetch", 18, bytes(12) + bytes(4) + b"\xff" * 5 + b"\x01\x01\x01" + b"\x01\x00\x07\x02c" + HUGE),
        # One that is known after one that is not.
        ("broker_heartbeat", 2, bytes(22) + b"\x02\x63\x01z\x00\x05" + HUGE),
        # A null of two bytes.
        ("fetch", 18, bytes(12) + bytes(4) + b"\xff" * 5 + b"\x01\x01\x80\x00" + b"\x01\x00\x05" + HUGE),
        # A length of which only the lower 32 bits make sense, one below null, and neither a struct nor null.
        ("metadata", 12, b"\x02" + bytes(16) + b"\x81\x80\x80\x80\x10"),
        ("metadata", 1, b"\0\0\0\1\xff\xfe"),
        ("consumer_group_describe", 0, b"\x02\xff\xff\xff\xff\x7f"),
        # What ends after the frame.
        ("fetch", 4, bytes(16)),
        ("metadata", 1, b"\0\0\0\1\0\x09t"),
    ],
)
def test_nothing_is_hidden_from_the_walk(name: str, version: int, hidden: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        RequestBounds(load(name, version, "request")).checked(hidden, 0)


@pytest.mark.parametrize(("name", "version"), [("metadata", 1), ("metadata", 12)])
def test_all_arrays_together_have_a_limit(name: str, version: int) -> None:
    kind = load(name, version, "request")
    most = encoded(kind, {"topics": [{"name": "t"}] * MAX_ELEMENTS})
    assert RequestBounds(kind).checked(most, 0) == (most, 0)
    with pytest.raises(ValueError, match="too many elements"):
        RequestBounds(kind).checked(encoded(kind, {"topics": [{"name": "t"}] * (MAX_ELEMENTS + 1)}), 0)


def test_tagged_fields_have_a_limit() -> None:
    """Each takes a microsecond and two bytes, in which a large request may have millions of them."""
    kind = load("metadata", 12, "request")
    request = encoded(kind, {})
    assert RequestBounds(kind).checked(request[:-1] + tags(MAX_ELEMENTS), 0) == (request, 0)
    with pytest.raises(ValueError, match="too many"):
        RequestBounds(kind).checked(request[:-1] + tags(MAX_ELEMENTS + 1), 0)


def test_tagged_fields_of_a_header_have_a_limit(shared_broker: Broker) -> None:
    header = b"\x00\x03\x00\x0c\x00\x00\x00\x07\xff\xff"
    frame = header + tags(MAX_TAGS)
    assert read_request_header(frame, flexible=True)[1] == len(frame)
    with pytest.raises(MalformedError, match="tagged fields"):
        read_request_header(header + tags(MAX_TAGS + 1), flexible=True)
    with WireClient(shared_broker.port) as client:
        client.send_frame(header + tags(1_000_000))
        with pytest.raises(EOFError):
            client.receive_frame()


def tags(count: int) -> bytes:
    """So many empty fields that nobody knows."""
    return unsigned_varint(count) + b"\x63\x00" * count


def test_a_request_that_claims_too_much_costs_its_connection_and_nothing_else(shared_broker: Broker) -> None:
    with WireClient(shared_broker.port) as client:
        client.send_frame(b"\x00\x03\x00\x01" + bytes(4) + b"\xff\xff" + b"\x7f\xff\xff\xff")
        with pytest.raises(EOFError):
            client.receive_frame()
    with WireClient(shared_broker.port) as client:
        assert client.call("api_versions", 0, {}).error_code is ErrorCode.none


def versions_of_all() -> Iterator[tuple[int, int]]:
    return ((key, version) for key, name in api_key_map.items() for version in schema_name_map[name])


@pytest.fixture(scope="module")
def codecs() -> dict[tuple[int, int], VersionCodec[Any]]:
    """Of every version that a frame could name."""
    made = {}
    for key, version in versions_of_all():
        api = handled(key) or unserved_api(key, version)
        if api is not None and api.min_version <= version <= api.max_version:
            made[key, version] = VersionCodec(api, version)
    return made


@dataclasses.dataclass(frozen=True)
class Changed:
    """A request with a few bytes that are not what they were."""

    key: int
    version: int
    kind: type[Any]
    request: bytes


@st.composite
def changed_requests(draw: st.DrawFn) -> Changed:
    key, version = draw(st.sampled_from(sorted(versions_of_all())))
    kind = load(api_key_map[key], version, "request")
    request = bytearray(encoded(kind, draw(st.sampled_from([{}, one_of_each(kind)]))))
    if kind.__flexible__ and draw(st.booleans()):
        tags = draw(st.lists(st.tuples(st.sampled_from([0, 1, 2, 99]), st.binary(max_size=6)), max_size=3))
        request[-1:] = bytes([len(tags), *(byte for tag, value in tags for byte in (tag, len(value), *value))])
    byte = st.one_of(st.sampled_from([0, 1, 2, 0x0F, 0x7F, 0x80, 0x81, 0xFE, 0xFF]), st.integers(0, 255))
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(request)), byte), max_size=4)):
        request[place : place + draw(st.integers(0, 1))] = [value]
    return Changed(key, version, kind, bytes(request))


@given(changed=changed_requests())
def test_the_walk_ends_where_kio_does(changed: Changed) -> None:
    """Otherwise it would look at other arrays than kio reads."""
    try:
        request, position = RequestBounds(changed.kind).checked(changed.request, 0)
    except (ValueError, IndexError):
        return
    end = entity_step(changed.kind)(request, position, Elements(MAX_ELEMENTS))
    try:
        _, size = entity_reader(changed.kind)(request, position)
    except (SerialError, ValueError, OverflowError):
        return
    assert position + size == end


@given(changed=changed_requests())
def test_whatever_the_bytes_a_request_is_read_or_refused(
    codecs: dict[tuple[int, int], VersionCodec[Any]], changed: Changed
) -> None:
    codec = codecs.get((changed.key, changed.version))
    if codec is None:
        return
    try:
        codec.read(changed.request, 0, TopicNames(NoTopics()))
    except ProtocolError as error:
        assert codec.api.name in str(error)

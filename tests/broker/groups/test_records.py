"""The journal's records, byte for byte Kafka's. The expected bytes were written by the serializers of
org.apache.kafka:kafka-group-coordinator:4.3.0 (`MessageUtil.toVersionPrefixedBytes` and
`toCoordinatorTypePrefixedBytes` of its generated message classes)."""

import dataclasses

import pytest

from logpost_broker.groups.classic.events import GroupDeleted, GroupStored, StoredMember
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetDeleted
from logpost_broker.groups.records import PlainEvent, from_record, to_record

OFFSET_KEY = "0001000867726f75702dc3a400046c6f677300000007"
OFFSET_VALUES = [
    "00000000011f71fb04cb00046ec3a965000001a2064c66fb",
    "00010000011f71fb04cb00046ec3a965000001a2064c66fbffffffffffffffff",
    "00020000011f71fb04cb00046ec3a965000001a2064c66fb",
    "00030000011f71fb04cb0000000500046ec3a965000001a2064c66fb",
    "00040000011f71fb04cb00000005056ec3a965000001a2064c66fb01001000000000000000010000000000000002",
]
OFFSET = OffsetCommitted(
    group_id="group-ä",
    topic="logs",
    partition=7,
    offset=1234567890123,
    leader_epoch=5,
    metadata="née",
    commit_timestamp_ms=1795402000123,
)
GROUP_KEY = "0002000867726f75702dc3a4"
GROUP_VALUES = [
    "00000008636f6e73756d65720000002a000572616e676500036d2d310000000200036d2d31000772646b61666b61000a2f3132372e302e30"
    "2e310000afc80000000300010200000002030400036d2d3200016300042f3a3a3100002710000000010500000000",
    "00010008636f6e73756d65720000002a000572616e676500036d2d310000000200036d2d31000772646b61666b61000a2f3132372e302e30"
    "2e31000493e00000afc80000000300010200000002030400036d2d3200016300042f3a3a310000ea60000027100000000105"
    "00000000",
    "00020008636f6e73756d65720000002a000572616e676500036d2d31000001a2064c66fb0000000200036d2d31000772646b61666b61000a"
    "2f3132372e302e302e31000493e00000afc80000000300010200000002030400036d2d3200016300042f3a3a310000ea6000"
    "002710000000010500000000",
    "00030008636f6e73756d65720000002a000572616e676500036d2d31000001a2064c66fb0000000200036d2d310007696e64657865720007"
    "72646b61666b61000a2f3132372e302e302e31000493e00000afc80000000300010200000002030400036d2d32ffff000163"
    "00042f3a3a310000ea6000002710000000010500000000",
    "000409636f6e73756d65720000002a0672616e6765046d2d31000001a2064c66fb03046d2d3108696e64657865720872646b61666b610b2f"
    "3132372e302e302e31000493e00000afc80400010203030400046d2d32000263052f3a3a310000ea60000027100205010000",
]
EMPTY_VALUE = "00030008636f6e73756d65720000002bffffffffffffffffffffffff00000000"
INDEXER = StoredMember(
    member_id="m-1",
    instance_id="indexer",
    client_id="rdkafka",
    client_host="/127.0.0.1",
    session_timeout_ms=45000,
    rebalance_timeout_ms=300000,
    subscription=b"\0\1\2",
    assignment=b"\3\4",
)
OTHER = StoredMember(
    member_id="m-2",
    instance_id=None,
    client_id="c",
    client_host="/::1",
    session_timeout_ms=10000,
    rebalance_timeout_ms=60000,
    subscription=b"\5",
    assignment=b"",
)
GROUP = GroupStored(
    group_id="group-ä",
    protocol_type="consumer",
    generation=42,
    protocol="range",
    leader="m-1",
    state_since_ms=1795402000123,
    members=(INDEXER, OTHER),
)
EMPTY = GroupStored(
    group_id="group-ä",
    protocol_type="consumer",
    generation=43,
    protocol=None,
    leader=None,
    state_since_ms=-1,
    members=(),
)


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (OFFSET, OFFSET_KEY, OFFSET_VALUES[3]),
        (OffsetDeleted(group_id="group-ä", topic="logs", partition=7), OFFSET_KEY, None),
        (GROUP, GROUP_KEY, GROUP_VALUES[3]),
        (EMPTY, GROUP_KEY, EMPTY_VALUE),
        (GroupDeleted(group_id="group-ä"), GROUP_KEY, None),
    ],
)
def test_events_are_written_as_kafka_writes_them_and_read_back(event: PlainEvent, key: str, value: str | None) -> None:
    record = (bytes.fromhex(key), None if value is None else bytes.fromhex(value))
    assert to_record(event) == record
    assert from_record(*record) == event


@pytest.mark.parametrize("version", range(5))
def test_every_version_of_an_offset_is_read(version: int) -> None:
    expected = OFFSET if version >= 3 else dataclasses.replace(OFFSET, leader_epoch=-1)
    assert from_record(bytes.fromhex(OFFSET_KEY), bytes.fromhex(OFFSET_VALUES[version])) == expected


def test_the_oldest_type_of_offset_key_is_read() -> None:
    assert from_record(b"\0\0" + bytes.fromhex(OFFSET_KEY)[2:], bytes.fromhex(OFFSET_VALUES[0])) == (
        dataclasses.replace(OFFSET, leader_epoch=-1)
    )


@pytest.mark.parametrize("version", range(5))
def test_every_version_of_a_group_is_read(version: int) -> None:
    members = list(GROUP.members)
    if version < 3:
        members = [dataclasses.replace(member, instance_id=None) for member in members]
    if version < 1:
        members = [dataclasses.replace(member, rebalance_timeout_ms=member.session_timeout_ms) for member in members]
    since = GROUP.state_since_ms if version >= 2 else -1
    expected = dataclasses.replace(GROUP, members=tuple(members), state_since_ms=since)
    assert from_record(bytes.fromhex(GROUP_KEY), bytes.fromhex(GROUP_VALUES[version])) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (OFFSET_KEY, "0005" + OFFSET_VALUES[3][4:]),
        (GROUP_KEY, "0005" + GROUP_VALUES[3][4:]),
        ("0003000161", "0000"),
        ("", "0000"),
        (OFFSET_KEY, ""),
        ("0001ffff00046c6f677300000007", OFFSET_VALUES[3]),
        (GROUP_KEY, GROUP_VALUES[3].replace("00000002", "7fffffff", 1)),
        (GROUP_KEY, "0004" + "ff" * 20),
    ],
)
def test_what_is_no_record_of_ours_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError):
        from_record(bytes.fromhex(key), bytes.fromhex(value))


@pytest.mark.parametrize("values", [(OFFSET_KEY, OFFSET_VALUES), (GROUP_KEY, GROUP_VALUES)], ids=["offset", "group"])
def test_a_record_cut_anywhere_is_refused(values: tuple[str, list[str]]) -> None:
    key, versions = values
    for value in map(bytes.fromhex, versions):
        tail = 8 if value[1] == 1 and key == OFFSET_KEY else 0  # an expiry that nobody reads
        tail += 19 if value[1] == 4 and key == OFFSET_KEY else 0  # the same of a topic id
        tail += 1 if value[1] == 4 and key == GROUP_KEY else 0
        for size in range(len(value) - tail):
            with pytest.raises(ValueError):
                from_record(bytes.fromhex(key), value[:size])

"""The records of consumer groups, byte for byte as Apache Kafka 4.3 wrote them in its `__consumer_offsets`."""

from __future__ import annotations

import uuid

import pytest

from logpost_broker.groups.consumer.events import (
    ClassicMember,
    ConsumerForgotten,
    ConsumerGroupEvent,
    CurrentStored,
    GroupEpochStored,
    MemberState,
    MemberStored,
    RecordType,
    RegexResolved,
    TargetEpochStored,
    TargetStored,
)
from logpost_broker.groups.records import from_record, to_record

TOPIC = uuid.UUID("6475efd9-6be8-4f8c-900f-a0ddac6c1696")
MEMBER = MemberStored(
    group_id="g",
    member_id="m4",
    instance_id="i",
    rack_id=None,
    client_id="wire-client",
    client_host="/127.0.0.1",
    topic_names=("t",),
    topic_regex="",
    rebalance_timeout_ms=5_000,
    server_assignor=None,
)
MEMBER_KEY = "000500016700026d34"
MEMBER_VALUE = "00000269000c776972652d636c69656e740b2f3132372e302e302e310202740100001388000100"

KAFKAS: list[tuple[str, str | None, ConsumerGroupEvent]] = [
    (
        "0003000172",
        "00000000000201000800543cf25ce2ebc5",
        GroupEpochStored(group_id="r", epoch=2, metadata_hash=0x00543CF25CE2EBC5),
    ),
    (MEMBER_KEY, MEMBER_VALUE + "0100", MEMBER),
    (
        "0006000172",
        "000000000002010008000001a208024095",
        TargetEpochStored(group_id="r", epoch=2, timestamp_ms=0x1A208024095),
    ),
    (
        "000700016700026d31",
        "0000" + "02" + TOPIC.hex + "03" + "00000002" + "00000003" + "00" + "00",
        TargetStored(group_id="g", member_id="m1", partitions=frozenset({(TOPIC, 2), (TOPIC, 3)})),
    ),
    (
        "000800017200026d31",
        "0000000000010000000000010100",
        CurrentStored(
            group_id="r",
            member_id="m1",
            epoch=1,
            previous_epoch=0,
            state=MemberState.STABLE,
            assigned=frozenset(),
            revoking=frozenset(),
        ),
    ),
    (
        "001000017200022e2a",
        "000003135f5f636f6e73756d65725f6f66667365747302740000000000000076000001a20802366800",
        RegexResolved(
            group_id="r",
            regex=".*",
            topics=("__consumer_offsets", "t"),
            metadata_version=0x76,
            timestamp_ms=0x1A208023668,
        ),
    ),
    ("000800016700026d33", None, ConsumerForgotten(group_id="g", type=RecordType.CURRENT, name="m3")),
    ("0003000167", None, ConsumerForgotten(group_id="g", type=RecordType.GROUP)),
]


@pytest.mark.parametrize(("key", "value", "event"), KAFKAS)
def test_a_record_of_kafka_is_read_and_written_the_same(key: str, value: str | None, event: ConsumerGroupEvent) -> None:
    record = bytes.fromhex(key), None if value is None else bytes.fromhex(value)
    assert from_record(*record) == event
    assert to_record(event) == record


def test_the_epochs_since_which_a_member_has_its_partitions_are_kept() -> None:
    """Tagged fields of a nested struct (KIP-1251)."""
    value = "000000000002000000020102" + TOPIC.hex + "030000000000000001010009030000000200000002"
    value += "02" + TOPIC.hex + "03000000020000000301000903000000020000000200"
    record = bytes.fromhex("000800016700026d31"), bytes.fromhex(value)
    event = from_record(*record)
    assert isinstance(event, CurrentStored)
    assert event.state is MemberState.UNREVOKED_PARTITIONS
    assert event.assigned == {(TOPIC, 0), (TOPIC, 1)}
    assert event.revoking == {(TOPIC, 2), (TOPIC, 3)}
    assert event.assignment_epochs == {(TOPIC, partition): 2 for partition in range(4)}
    assert to_record(event) == record


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (MEMBER_KEY, "0001" + MEMBER_VALUE[4:] + "0100"),
        (MEMBER_KEY, MEMBER_VALUE),
        (MEMBER_KEY, ""),
        ("0005000167", MEMBER_VALUE + "0100"),
        ("000800017200026d31", "0000000000010000000009010100"),
        ("0003000172", "0000000000020100040000"),
    ],
)
def test_what_is_no_such_record_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_record(bytes.fromhex(key), bytes.fromhex(value))


def test_a_member_of_the_classic_protocol_is_kept_as_kafka_keeps_it() -> None:
    """The bytes that Kafka 4.3 writes."""
    value = "0000000002630268020274010000000100010011011122334402" + "0672616e6765" + "0307080000"
    record = bytes.fromhex("000500016700026d31"), bytes.fromhex(value)
    event = from_record(*record)
    assert isinstance(event, MemberStored)
    assert event.classic == ClassicMember(session_timeout_ms=0x11223344, protocols=(("range", b"\x07\x08"),))
    assert to_record(event) == record

"""The records of share groups' members, byte for byte as Apache Kafka 4.3 wrote them in its `__consumer_offsets`."""

from __future__ import annotations

import uuid

import pytest

from logpost_broker.groups.records import from_record, to_record
from logpost_broker.groups.share.member_events import (
    ShareCurrentStored,
    ShareForgotten,
    ShareGroupEvent,
    ShareGroupStored,
    ShareMemberStored,
    ShareRecordType,
    ShareTargetEpochStored,
    ShareTargetStored,
)

JOBS, MAILS = uuid.UUID("5b064364-46e7-4b40-995b-d15d3a57c338"), uuid.UUID("f2635a5c-e800-4cb8-adaf-8e6b7f6a3c7a")

KAFKAS: list[tuple[str, str | None, ShareGroupEvent]] = [
    (
        "000a00016700026d31",
        "0000000c776972652d636c69656e740b2f3132372e302e302e3103056a6f6273066d61696c7300",
        ShareMemberStored(
            group_id="g",
            member_id="m1",
            rack_id=None,
            client_id="wire-client",
            client_host="/127.0.0.1",
            topic_names=("jobs", "mails"),
        ),
    ),
    (
        "000a00016700026d32",
        "000002720c776972652d636c69656e740b2f3132372e302e302e3102066d61696c7300",
        ShareMemberStored(
            group_id="g",
            member_id="m2",
            rack_id="r",
            client_id="wire-client",
            client_host="/127.0.0.1",
            topic_names=("mails",),
        ),
    ),
    (
        "000b000167",
        "00000000000210deb3505e71440300",
        ShareGroupStored(group_id="g", epoch=2, metadata_hash=0x10DEB3505E714403),
    ),
    (
        "000c000167",
        "000000000004010008000001a20942510b",
        ShareTargetEpochStored(group_id="g", epoch=4, timestamp_ms=0x1A20942510B),
    ),
    (
        "000d00016700026d31",
        "00000100",
        ShareTargetStored(group_id="g", member_id="m1", assignment={}),
    ),
    (
        "000d00016700026d31",
        "0000035b06436446e74b40995bd15d3a57c33803000000000000000100f2635a5ce8004cb8adaf8e6b7f6a3c7a02000000000000",
        ShareTargetStored(group_id="g", member_id="m1", assignment={JOBS: (0, 1), MAILS: (0,)}),
    ),
    (
        "000e00016700026d31",
        "0000000000040000000300035b06436446e74b40995bd15d3a57c338020000000000f2635a5ce8004cb8adaf8e6b7f6a3c7a0200000000"
        "0000",
        ShareCurrentStored(
            group_id="g", member_id="m1", epoch=4, previous_epoch=3, assignment={JOBS: (0,), MAILS: (0,)}
        ),
    ),
    (
        "000e00016700026d32",
        "00000000000200000000000100",
        ShareCurrentStored(group_id="g", member_id="m2", epoch=2, previous_epoch=0),
    ),
    ("000b000167", None, ShareForgotten(group_id="g", type=ShareRecordType.GROUP)),
    ("000e00016700026d32", None, ShareForgotten(group_id="g", type=ShareRecordType.CURRENT, name="m2")),
]


@pytest.mark.parametrize(("key", "value", "event"), KAFKAS, ids=lambda part: type(part).__name__)
def test_a_record_is_kafkas(key: str, value: str | None, event: ShareGroupEvent) -> None:
    raw = bytes.fromhex(key), None if value is None else bytes.fromhex(value)
    assert from_record(*raw) == event
    assert to_record(event) == raw


@pytest.mark.parametrize("value", ["0001", "00", "", "0000000000", "000000000000ff"])
def test_what_is_no_such_record_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_record(bytes.fromhex("000e00016700026d32"), bytes.fromhex(value))


def test_a_target_of_an_older_kafka_has_no_time() -> None:
    event = from_record(bytes.fromhex("000c000167"), bytes.fromhex("00000000000400"))
    assert event == ShareTargetEpochStored(group_id="g", epoch=4, timestamp_ms=0)

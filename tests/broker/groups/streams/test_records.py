"""The records of streams groups, byte for byte as Apache Kafka 4.3 wrote them in its `__consumer_offsets`."""

from __future__ import annotations

import pytest

from logpost_broker.groups.records import from_record, to_record
from logpost_broker.groups.streams.events import (
    Endpoint,
    StreamsCurrentStored,
    StreamsForgotten,
    StreamsGroupEvent,
    StreamsGroupStored,
    StreamsMemberState,
    StreamsMemberStored,
    StreamsRecordType,
    StreamsTargetEpochStored,
    StreamsTargetStored,
    StreamsTopologyStored,
)
from logpost_broker.groups.streams.topology import CopartitionGroup, InternalTopic, Subtopology, Topology
from tests.broker.groups.streams.harness import tasks

COMPACT = (("cleanup.policy", "compact"),)
MEMBER_KEY, CURRENT_KEY = "001300016700026d31", "001600016700026d31"
MEMBER_VALUE = (
    "000000000c776972652d636c69656e740b2f3132372e302e302e310000ea60000000000370310103683100010002027a02310000"
)
CURRENT_VALUE = (
    "000000000003000000030203023003000000000000000101000903000000030000000302310200000000010005020000000301"
    "01030230020000000201000502000000030231030000000100000002010009030000000300000003010100"
)

KAFKAS: list[tuple[str, str | None, StreamsGroupEvent]] = [
    (
        "0011000167",
        "000000000006c5c3f70dfee6ef8202000400000000011902156e756d2e7374616e6462792e7265706c69636173023000",
        StreamsGroupStored(
            group_id="g",
            epoch=6,
            metadata_hash=-4196238788295987326,
            validated_topology_epoch=0,
            assignment_configs=(("num.standby.replicas", "0"),),
        ),
    ),
    (
        "001100026578",
        "000000000002301af48acfa671e501011902156e756d2e7374616e6462792e7265706c69636173023000",
        StreamsGroupStored(
            group_id="ex",
            epoch=2,
            metadata_hash=3466351740241474021,
            assignment_configs=(("num.standby.replicas", "0"),),
        ),
    ),
    (
        MEMBER_KEY,
        MEMBER_VALUE,
        StreamsMemberStored(
            group_id="g",
            member_id="m1",
            instance_id=None,
            rack_id=None,
            client_id="wire-client",
            client_host="/127.0.0.1",
            rebalance_timeout_ms=60_000,
            topology_epoch=0,
            process_id="p1",
            user_endpoint=Endpoint("h1", 1),
            client_tags=(("z", "1"),),
        ),
    ),
    (
        "00130002657800026d31",
        "000000000c776972652d636c69656e740b2f3132372e302e302e310000ea600000000001ff0100",
        StreamsMemberStored(
            group_id="ex",
            member_id="m1",
            instance_id=None,
            rack_id=None,
            client_id="wire-client",
            client_host="/127.0.0.1",
            rebalance_timeout_ms=60_000,
            topology_epoch=0,
            process_id="",
            user_endpoint=None,
            client_tags=(),
        ),
    ),
    (
        "001400026578",
        "000000000002010008000001a208798c60",
        StreamsTargetEpochStored(group_id="ex", epoch=2, timestamp_ms=1795438513248),
    ),
    (
        "001500016700026d31",
        "0000030230040000000000000001000000020002310400000000000000010000000200010100",
        StreamsTargetStored(group_id="g", member_id="m1", tasks=tasks("0_0", "0_1", "0_2", "1_0", "1_1", "1_2")),
    ),
    (
        CURRENT_KEY,
        CURRENT_VALUE,
        StreamsCurrentStored(
            group_id="g",
            member_id="m1",
            epoch=3,
            previous_epoch=3,
            state=StreamsMemberState.UNREVOKED_TASKS,
            assigned=tasks("0_0", "0_1", "1_0"),
            revoking=tasks("0_2", "1_1", "1_2"),
            assignment_epochs=dict.fromkeys(tasks("0_0", "0_1", "0_2", "1_0", "1_1", "1_2").active, 3),
        ),
    ),
    (
        "00170004636f7033",
        "0000000000000302300203696e01010304637231046372320101000231010101010304637231000000050000020f636c65616e75702e70"
        "6f6c69637908636f6d70616374000004637232000000040000020f636c65616e75702e706f6c69637908636f6d70616374000002010103"
        "00000001000000",
        StreamsTopologyStored(
            group_id="cop3",
            topology=Topology(
                epoch=0,
                subtopologies=(
                    Subtopology(id="0", source_topics=("in",), repartition_sinks=("cr1", "cr2")),
                    Subtopology(
                        id="1",
                        repartition_sources=(
                            InternalTopic(name="cr1", partitions=5, replication_factor=0, configs=COMPACT),
                            InternalTopic(name="cr2", partitions=4, replication_factor=0, configs=COMPACT),
                        ),
                        copartition_groups=(CopartitionGroup(repartition_sources=(0, 1)),),
                    ),
                ),
            ),
        ),
    ),
    (CURRENT_KEY, None, StreamsForgotten(group_id="g", type=StreamsRecordType.CURRENT, name="m1")),
    ("0017000167", None, StreamsForgotten(group_id="g", type=StreamsRecordType.TOPOLOGY)),
]


@pytest.mark.parametrize(("key", "value", "event"), KAFKAS)
def test_a_record_of_kafka_is_read_and_written_the_same(key: str, value: str | None, event: StreamsGroupEvent) -> None:
    record = bytes.fromhex(key), None if value is None else bytes.fromhex(value)
    assert from_record(*record) == event
    assert to_record(event) == record


def test_a_member_has_had_the_tasks_of_an_older_kafka_since_its_epoch() -> None:
    """Kafka before 4.3 wrote no epochs of tasks."""
    value = "0000000000070000000601" + "020230020000000100" + "0101" + "010101" + "00"
    event = from_record(bytes.fromhex(CURRENT_KEY), bytes.fromhex(value))
    assert isinstance(event, StreamsCurrentStored)
    assert event.assignment_epochs == {("0", 1): 7}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (MEMBER_KEY, "0001" + MEMBER_VALUE[4:]),
        (MEMBER_KEY, MEMBER_VALUE[:-4]),
        (MEMBER_KEY, ""),
        ("0013000167", MEMBER_VALUE),
        (CURRENT_KEY, CURRENT_VALUE.replace("0000000302", "0000000309", 1)),
        (CURRENT_KEY, CURRENT_VALUE.replace("0903", "0902", 1)),
    ],
)
def test_what_is_no_such_record_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_record(bytes.fromhex(key), bytes.fromhex(value))

"""The table of docs/protocol.md, made of the registry: `python -m tests.support.protocol_table` writes it again.

The versions of Apache Kafka are what its 4.3.0 announces on a client's listener; `tests/interop` compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from logpost_broker.api import SERVED
from logpost_broker.api.api_versions import announced

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BEGIN, END = "<!-- the table: python -m tests.support.protocol_table -->\n", "<!-- the end of the table -->\n"

KAFKA: Mapping[int, tuple[str, int, int]] = {
    0: ("Produce", 0, 13),
    1: ("Fetch", 4, 18),
    2: ("ListOffsets", 1, 11),
    3: ("Metadata", 0, 13),
    8: ("OffsetCommit", 2, 10),
    9: ("OffsetFetch", 1, 10),
    10: ("FindCoordinator", 0, 6),
    11: ("JoinGroup", 0, 9),
    12: ("Heartbeat", 0, 4),
    13: ("LeaveGroup", 0, 5),
    14: ("SyncGroup", 0, 5),
    15: ("DescribeGroups", 0, 6),
    16: ("ListGroups", 0, 5),
    17: ("SaslHandshake", 0, 1),
    18: ("ApiVersions", 0, 4),
    19: ("CreateTopics", 2, 7),
    20: ("DeleteTopics", 1, 6),
    21: ("DeleteRecords", 0, 2),
    22: ("InitProducerId", 0, 5),
    23: ("OffsetForLeaderEpoch", 2, 4),
    24: ("AddPartitionsToTxn", 0, 5),
    25: ("AddOffsetsToTxn", 0, 4),
    26: ("EndTxn", 0, 5),
    27: ("WriteTxnMarkers", 1, 2),
    28: ("TxnOffsetCommit", 0, 5),
    29: ("DescribeAcls", 1, 3),
    30: ("CreateAcls", 1, 3),
    31: ("DeleteAcls", 1, 3),
    32: ("DescribeConfigs", 1, 4),
    33: ("AlterConfigs", 0, 2),
    34: ("AlterReplicaLogDirs", 1, 2),
    35: ("DescribeLogDirs", 1, 5),
    36: ("SaslAuthenticate", 0, 2),
    37: ("CreatePartitions", 0, 3),
    38: ("CreateDelegationToken", 1, 3),
    39: ("RenewDelegationToken", 1, 2),
    40: ("ExpireDelegationToken", 1, 2),
    41: ("DescribeDelegationToken", 1, 3),
    42: ("DeleteGroups", 0, 2),
    43: ("ElectLeaders", 0, 2),
    44: ("IncrementalAlterConfigs", 0, 1),
    45: ("AlterPartitionReassignments", 0, 1),
    46: ("ListPartitionReassignments", 0, 0),
    47: ("OffsetDelete", 0, 0),
    48: ("DescribeClientQuotas", 0, 1),
    49: ("AlterClientQuotas", 0, 1),
    50: ("DescribeUserScramCredentials", 0, 0),
    51: ("AlterUserScramCredentials", 0, 0),
    55: ("DescribeQuorum", 0, 2),
    57: ("UpdateFeatures", 0, 2),
    60: ("DescribeCluster", 0, 2),
    61: ("DescribeProducers", 0, 0),
    64: ("UnregisterBroker", 0, 0),
    65: ("DescribeTransactions", 0, 0),
    66: ("ListTransactions", 0, 2),
    68: ("ConsumerGroupHeartbeat", 0, 1),
    69: ("ConsumerGroupDescribe", 0, 1),
    74: ("ListConfigResources", 0, 1),
    75: ("DescribeTopicPartitions", 0, 0),
    76: ("ShareGroupHeartbeat", 1, 1),
    77: ("ShareGroupDescribe", 1, 1),
    78: ("ShareFetch", 1, 2),
    79: ("ShareAcknowledge", 1, 2),
    80: ("AddRaftVoter", 0, 1),
    81: ("RemoveRaftVoter", 0, 0),
    83: ("InitializeShareGroupState", 0, 0),
    84: ("ReadShareGroupState", 0, 0),
    85: ("WriteShareGroupState", 0, 1),
    86: ("DeleteShareGroupState", 0, 0),
    87: ("ReadShareGroupStateSummary", 0, 1),
    88: ("StreamsGroupHeartbeat", 0, 0),
    89: ("StreamsGroupDescribe", 0, 0),
    90: ("DescribeShareGroupOffsets", 0, 1),
    91: ("AlterShareGroupOffsets", 0, 0),
    92: ("DeleteShareGroupOffsets", 0, 0),
}
"""API key → name, lowest and highest version."""

NO_SECURITY = "refused: nobody is asked who they are"
NOTES: Mapping[int, str] = {
    0: "0 to 2 are announced and not served, as by Kafka",
    17: NO_SECURITY,
    19: "replication factor 1",
    22: "6 is that of Kafka with two-phase commit, which is refused",
    29: "refused: there is no authorizer",
    30: "refused: there is no authorizer",
    31: "refused: there is no authorizer",
    34: "one directory, where all partitions are",
    36: NO_SECURITY,
    38: NO_SECURITY,
    39: NO_SECURITY,
    40: NO_SECURITY,
    41: NO_SECURITY,
    43: "never needed",
    45: "only to where a partition is",
    46: "always none",
    48: "kept, not enforced",
    49: "kept, not enforced",
    50: "kept, not used",
    51: "kept, not used",
    57: "every feature keeps its level",
    64: "refused",
    80: "refused",
    81: "refused",
}


def rows() -> Iterator[str]:
    yield "| API | key | here | Apache Kafka 4.3 | |"
    yield "| --- | ---: | --- | --- | --- |"
    for key in sorted(KAFKA.keys() | SERVED.keys()):
        name, low, high = KAFKA.get(key, ("", -1, -1))
        api = SERVED.get(key)
        ours = "" if api is None else span(*announced(api))
        shown = name or ("" if api is None else "".join(word.title() for word in api.name.split("_")))
        yield f"| {shown} | {key} | {ours} | {span(low, high) if name else ''} | {NOTES.get(key, '')} |"


def span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def with_table(page: str) -> str:
    """The page, with the table as it is to be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + "".join(f"{row}\n" for row in rows()) + "\n" + END + after


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))

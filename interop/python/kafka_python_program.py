"""kafka-python: producers, transactions, consumers, and an admin client that asks for nearly all there is."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from transcripts import SECONDS, SERVERS, attempt, fact, plain, title, until

NAME = "kafka-python"
CLIENT = {"bootstrap_servers": SERVERS}
ADMIN = KafkaAdminClient(**CLIENT)
FIRST_TIME = 1_600_000_000_000


def check(what: str, call: Callable[[], object]) -> None:
    attempt(what, lambda: plain(call()), KafkaError, lambda error: type(error).__name__)


def create(name: str, partitions: int = 1, replicas: int = 1, **configs: str) -> str:
    full = f"{NAME}-{name}"
    given = {key.replace("_", "."): value for key, value in configs.items()}
    new = NewTopic(full, partitions, replicas, topic_configs=given)
    check(f"create {full}", lambda: [each["error_code"] for each in ADMIN.create_topics([new])["topics"]])
    return full


def send(producer: KafkaProducer, name: str, value: bytes) -> object:
    sent = producer.send(name, value, key=b"k", partition=0, timestamp_ms=FIRST_TIME, headers=[("h", b"v")])
    producer.flush(SECONDS)
    return sent.get(SECONDS).offset


def read(name: str, count: int, **settings: object) -> None:
    consumer = KafkaConsumer(**CLIENT, **settings)
    place = TopicPartition(name, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    found = []
    while len(found) < count:
        for records in consumer.poll(1_000).values():
            found += [(each.offset, each.timestamp, each.key, each.value[:9], each.headers) for each in records]
    fact(f"read {settings}", found)
    fact("offsets", plain((consumer.beginning_offsets([place]), consumer.end_offsets([place]))))
    fact("for times", plain(consumer.offsets_for_times({place: FIRST_TIME})))
    consumer.close()


def producing() -> None:
    title("producing")
    codecs = {"gzip": has_gzip, "snappy": has_snappy, "lz4": has_lz4, "zstd": has_zstd}
    for codec in (None, *(name for name, is_here in codecs.items() if is_here())):
        name = create(str(codec))
        for acks in (1, "all"):
            producer = KafkaProducer(**CLIENT, compression_type=codec, acks=acks)
            check(f"{codec} acks={acks}", lambda: send(producer, name, b"v" * 100))  # noqa: B023  # called at once
            producer.close()
        read(name, 2)
    small = create("small", max_message_bytes="1000")
    producer = KafkaProducer(**CLIENT, retries=0)
    check("too large", lambda: send(producer, small, b"x" * 2_000))
    producer.close()


def transactions() -> None:
    title("transactions")
    name, group = create("transactional"), f"{NAME}-copier"
    producer = KafkaProducer(**CLIENT, transactional_id=NAME)
    producer.init_transactions()
    for number in range(3):
        producer.begin_transaction()
        check("sent", lambda: send(producer, name, b"%d" % number))  # noqa: B023  # called at once
        producer.send_offsets_to_transaction({TopicPartition(name, 0): OffsetAndMetadata(number + 1, "", -1)}, group)
        (producer.abort_transaction if number == 1 else producer.commit_transaction)()
    read(name, 2, isolation_level="read_committed")
    read(name, 3)
    until("committed", lambda: "offset=3" in str(ADMIN.list_group_offsets([group])))
    other = KafkaProducer(**CLIENT, transactional_id=NAME)
    other.init_transactions()
    producer.begin_transaction()
    check("a zombie's record", lambda: send(producer, name, b"zombie"))
    check("transactions", lambda: ADMIN.list_transactions())
    check("a transaction", lambda: ADMIN.describe_transactions([NAME]))
    check("no transaction", lambda: ADMIN.describe_transactions(["nothing"]))
    check("producers", lambda: ADMIN.describe_producers([TopicPartition(name, 0)]))
    other.close()
    producer.close(timeout=0)


def groups() -> None:
    title("groups")
    name, group = create("shared", 4), f"{NAME}-group"
    members = [
        KafkaConsumer(name, **CLIENT, group_id=group, heartbeat_interval_ms=200, enable_auto_commit=False)
        for _ in range(2)
    ]

    is_shared = threading.Event()

    def poll(member: KafkaConsumer) -> None:
        while not is_shared.is_set():
            member.poll(100)

    polling = [threading.Thread(target=poll, args=(member,)) for member in members]
    for thread in polling:
        thread.start()
    until("two each", lambda: sorted(len(member.assignment()) for member in members) == [2, 2])
    is_shared.set()
    for thread in polling:
        thread.join()
    place = TopicPartition(name, 0)
    [owner] = [member for member in members if place in member.assignment()]
    owner.commit({place: OffsetAndMetadata(0, "note", -1)})
    fact("committed", owner.committed(place))
    check("listed", lambda: sorted(map(str, (each for each in ADMIN.list_groups() if group in str(each)))))
    check("delete while it has members", lambda: ADMIN.delete_groups([group]))
    check("delete offsets in use", lambda: ADMIN.delete_group_offsets(group, [place]))
    for member in members:
        member.close()
    check("described", lambda: ADMIN.describe_groups([group]))
    check("no group", lambda: ADMIN.describe_groups(["nothing"]))
    check("move", lambda: ADMIN.alter_group_offsets(group, {place: OffsetAndMetadata(0, "", -1)}))
    check("delete offsets", lambda: ADMIN.delete_group_offsets(group, [place]))
    check("deleted", lambda: ADMIN.delete_groups([group]))
    check("deleted again", lambda: ADMIN.delete_groups([group]))


def administration() -> None:
    title("administration")
    name = create("administered", 2)
    create("administered")
    create("with space")
    create("replicated", 1, 3)
    create("wrong", retention_ms="soon")
    check("described", lambda: ADMIN.describe_topics([name]))
    check("page by page", lambda: ADMIN.describe_topic_partitions([name]))
    check("more", lambda: ADMIN.create_partitions({name: NewPartitions(4)}))
    check("fewer", lambda: ADMIN.create_partitions({name: NewPartitions(1)}))
    topic = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1000"})
    check("set", lambda: ADMIN.alter_configs([topic]))
    until("it is set", lambda: "1000" in str(ADMIN.describe_configs([topic])))
    check("configs", lambda: ADMIN.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]))
    check("unset", lambda: ADMIN.reset_configs([topic]))
    check("records", lambda: ADMIN.delete_records({TopicPartition(name, 0): 0}))
    check("resources", lambda: {kind: sorted(of) for kind, of in sorted(ADMIN.list_config_resources().items())})
    [elected] = ADMIN.elect_leaders(0, {name: [0]}).replica_election_results
    fact("election", [each.error_code for each in elected.partition_result])
    check("reassignments", lambda: ADMIN.list_partition_reassignments())
    check("reassign", lambda: ADMIN.alter_partition_reassignments({TopicPartition(name, 0): [2]}))
    check("quorum", lambda: sorted(ADMIN.describe_metadata_quorum()))
    check(
        "features", lambda: sorted(feature for feature in str(ADMIN.describe_features()).split("'") if "." in feature)
    )
    check("scram", lambda: ADMIN.describe_user_scram_credentials())
    check("cluster", lambda: sorted(ADMIN.describe_cluster()))
    check("delete", lambda: ADMIN.delete_topics([name]))
    check("delete again", lambda: ADMIN.delete_topics([name]))


if __name__ == "__main__":
    producing()
    transactions()
    groups()
    administration()
    ADMIN.close()

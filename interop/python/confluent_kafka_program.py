"""confluent-kafka: producers, transactions, both group protocols, and the admin client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from transcripts import SECONDS, SERVERS, STAMP, attempt, fact, title, until

NAME = "confluent-kafka"
CLIENT = {"bootstrap.servers": SERVERS, "log_level": 0}
ADMIN = AdminClient(CLIENT)


def kind(error: Exception) -> object:
    return error.args[0].name()


def check(what: str, call: Callable[[], object]) -> None:
    attempt(what, call, KafkaException, kind)


def results(futures: dict[Any, Any]) -> list[object]:
    """Each future's answer, or the kind of its error."""

    def result(future: Any) -> object:
        try:
            return future.result(SECONDS)
        except KafkaException as error:
            return kind(error)

    return [result(future) for future in futures.values()]


def topic(name: str, partitions: int = 1, **configs: str) -> str:
    full = f"{NAME}-{name}"
    new = NewTopic(full, partitions, 1, config={key.replace("_", "."): value for key, value in configs.items()})
    fact(f"create {full}", results(ADMIN.create_topics([new])))
    return full


def produce(name: str, values: Iterable[bytes], **settings: object) -> None:
    producer = Producer({**CLIENT, **{key.replace("_", "."): value for key, value in settings.items()}})
    delivered: list[str] = []

    def report(error: Any, message: Message) -> None:
        delivered.append(error.name() if error is not None else f"{message.partition()}@{message.offset()}")

    for value in values:
        producer.produce(name, value, key=b"k", partition=0, timestamp=STAMP, headers={"h": "v"}, on_delivery=report)
    producer.flush(SECONDS)
    fact(f"delivered {settings}", delivered)


def read(name: str, **settings: object) -> None:
    """All of partition 0."""
    given = {key.replace("_", "."): value for key, value in settings.items()}
    consumer = Consumer({**CLIENT, "group.id": f"{NAME}-alone", "enable.partition.eof": True, **given})
    consumer.assign([TopicPartition(name, 0, 0)])
    found: list[object] = []
    while (message := consumer.poll(SECONDS)) is not None and message.error() is None:
        kind, stamp = message.timestamp()
        found.append((message.offset(), kind, stamp - STAMP, message.key(), message.value()[:20], message.headers()))
    fact(f"read {settings}", found)
    consumer.close()


def producing() -> None:
    title("producing")
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        name = topic(codec)
        for acks in (1, "all"):
            produce(name, [b"a", b"b" * 1_000], compression_type=codec, acks=acks)
        read(name)
    name = topic("unacknowledged")
    produce(name, [b"a"], acks=0)
    until("it comes", lambda: end_of(name) == 1)
    produce(name, [b"b", b"c"], enable_idempotence=True)
    read(name)
    stamped = topic("stamped", message_timestamp_type="LogAppendTime")
    produce(stamped, [b"a"])
    small = topic("small", max_message_bytes="1000")
    produce(small, [b"x" * 2_000])
    compacted = topic("compacted", cleanup_policy="compact")
    check("without a key", lambda: produce_one(compacted, None))
    check("with a key", lambda: produce_one(compacted, b"k"))
    check("to a partition that is not there", lambda: produce_one(compacted, b"k", partition=5))


def end_of(name: str) -> int:
    [found] = results(ADMIN.list_offsets({TopicPartition(name, 0): OffsetSpec.latest()}))
    return int(found.offset)


def produce_one(name: str, key: bytes | None, partition: int = 0) -> object:
    producer = Producer({**CLIENT, "message.timeout.ms": 5_000})
    said: list[object] = []
    producer.produce(
        name, b"v", key=key, partition=partition, on_delivery=lambda error, _: said.append(error and error.name())
    )
    producer.flush(SECONDS)
    return said


def transactions() -> None:
    title("transactions")
    name, group = topic("transactional"), f"{NAME}-copier"
    producer = Producer({**CLIENT, "transactional.id": NAME})
    producer.init_transactions(SECONDS)
    for number, end in enumerate(
        (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction)
    ):
        producer.begin_transaction()
        producer.produce(name, b"%d" % number, partition=0)
        producer.flush(SECONDS)  # an abort drops what was not sent yet
        consumer = Consumer({**CLIENT, "group.id": group})
        metadata = consumer.consumer_group_metadata()
        producer.send_offsets_to_transaction([TopicPartition(name, 0, number + 1)], metadata, SECONDS)
        end(SECONDS)
        committed = consumer.committed([TopicPartition(name, 0)], SECONDS)
        fact("committed", [place.offset for place in committed])
        consumer.close()
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = Consumer({**CLIENT, "group.id": group, "enable.partition.eof": True, "isolation.level": isolation})
        consumer.assign([TopicPartition(name, 0, 0)])
        found = []
        while (message := consumer.poll(SECONDS)) is not None and message.error() is None:
            found.append((message.offset(), message.value()))
        fact(isolation, found)
        consumer.close()
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
        offsets = ADMIN.list_offsets({TopicPartition(name, 0): OffsetSpec.latest()}, isolation_level=level)
        fact(f"end, {level.name}", [found.offset for found in results(offsets)])
    other = Producer({**CLIENT, "transactional.id": NAME})
    other.init_transactions(SECONDS)
    producer.begin_transaction()
    check("a zombie's produce", lambda: producer.produce(name, b"zombie", partition=0))
    check("a zombie's commit", lambda: producer.commit_transaction(SECONDS))


def groups() -> None:
    title("groups")
    for protocol in ("classic", "consumer"):
        for static in (False, True):
            name = topic(f"{protocol}-{'static' if static else 'dynamic'}", 4)
            settings: dict[str, object] = {
                **CLIENT,
                "group.id": f"{name}-group",
                "group.protocol": protocol,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
            if protocol == "classic":
                settings |= {"partition.assignment.strategy": "cooperative-sticky", "heartbeat.interval.ms": 300}
            members = [
                Consumer({**settings, **({"group.instance.id": f"{name}-{number}"} if static else {})})
                for number in range(2)
            ]
            shared(name, members)
            committing(name, members[0], str(settings["group.id"]))
            for member in members:
                member.close()
            administered(str(settings["group.id"]))


def shared(name: str, members: list[Consumer]) -> None:
    def owned() -> list[int]:
        for member in members:
            member.poll(0.05)
        return sorted(len(member.assignment()) for member in members)

    for member in members:
        member.subscribe([name])
    until("two each", lambda: owned() == [2, 2])


def committing(name: str, member: Consumer, group: str) -> None:
    [place, *_] = member.assignment()
    check("commit", lambda: bool(member.commit(offsets=[TopicPartition(name, place.partition, 0)], asynchronous=False)))
    check("commit for another group's member", lambda: outsider(name, group))
    described = results(ADMIN.describe_consumer_groups([group]))[0]
    fact("described", (described.state.name, described.type.name, len(described.members)))
    check("delete while it has members", lambda: results(ADMIN.delete_consumer_groups([group])))


def outsider(name: str, group: str) -> object:
    consumer = Consumer({**CLIENT, "group.id": group})
    try:
        return consumer.commit(offsets=[TopicPartition(name, 0, 0)], asynchronous=False)
    finally:
        consumer.close()


def administered(group: str) -> None:
    listed = [
        (each.group_id, each.is_simple_consumer_group, each.state.name, each.type.name)
        for each in ADMIN.list_consumer_groups().result(SECONDS).valid
        if each.group_id == group
    ]
    fact("listed", listed)
    offsets = results(ADMIN.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[0]
    fact("offsets", [place.offset for place in offsets.topic_partitions])
    fact("deleted", results(ADMIN.delete_consumer_groups([group])))
    fact("deleted again", results(ADMIN.delete_consumer_groups([group])))


def administration() -> None:
    title("administration")
    name = topic("administered", 2)
    fact("create again", results(ADMIN.create_topics([NewTopic(name, 1, 1)])))
    for wrong in (
        NewTopic("confluent kafka", 1, 1),
        NewTopic(f"{NAME}-replicated", 1, 3),
        NewTopic(f"{NAME}-none", 0, 1),
        NewTopic(f"{NAME}-wrong", 1, 1, config={"retention.ms": "soon"}),
        NewTopic(f"{NAME}-unknown", 1, 1, config={"no.such": "1"}),
    ):
        fact(f"create {wrong.topic}", results(ADMIN.create_topics([wrong])))
    fact("validate only", results(ADMIN.create_topics([NewTopic(f"{NAME}-tried", 1, 1)], validate_only=True)))
    fact("described", len(ADMIN.list_topics(name, SECONDS).topics[name].partitions))
    fact("more partitions", results(ADMIN.create_partitions([NewPartitions(name, 4)])))
    fact("fewer partitions", results(ADMIN.create_partitions([NewPartitions(name, 1)])))
    produce(name, [b"a", b"b", b"c"])
    specs = (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp(), OffsetSpec.for_timestamp(1))
    for spec in specs:
        found = results(ADMIN.list_offsets({TopicPartition(name, 0): spec}))[0]
        fact("offset", (found.offset, found.leader_epoch))
    deleted = results(ADMIN.delete_records([TopicPartition(name, 0, 2)]))[0]
    fact("records deleted up to", deleted.low_watermark)
    fact("beyond the end", results(ADMIN.delete_records([TopicPartition(name, 0, 9)])))
    read(name)
    configuring(name)
    cluster = ADMIN.describe_cluster().result(SECONDS)
    fact("cluster", (len(cluster.nodes), len(cluster.cluster_id)))
    fact("delete", results(ADMIN.delete_topics([name])))
    fact("delete again", results(ADMIN.delete_topics([name])))


def configuring(name: str) -> None:
    resource = ConfigResource(ResourceType.TOPIC, name)

    def changed(key: str, value: str | None, operation: AlterConfigOpType) -> object:
        entry = ConfigEntry(key, value, incremental_operation=operation)
        return results(
            ADMIN.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])])
        )

    fact("set", changed("retention.ms", "1000", AlterConfigOpType.SET))
    fact("set to nonsense", changed("retention.ms", "soon", AlterConfigOpType.SET))
    fact("unknown", changed("no.such", "1", AlterConfigOpType.SET))
    fact("append", changed("cleanup.policy", "compact", AlterConfigOpType.APPEND))
    fact("append to what is no list", changed("retention.ms", "1", AlterConfigOpType.APPEND))
    found = results(ADMIN.describe_configs([resource]))[0]
    for key in ("retention.ms", "cleanup.policy", "segment.bytes", "compression.type", "min.insync.replicas"):
        entry = found[key]
        fact(key, (entry.value, entry.source, entry.is_default, entry.is_read_only, entry.is_sensitive))
    fact("names", sorted(found))
    fact("unset", changed("retention.ms", None, AlterConfigOpType.DELETE))
    missing = ConfigResource(ResourceType.TOPIC, f"{NAME}-missing")
    fact("of no topic", results(ADMIN.describe_configs([missing])))


if __name__ == "__main__":
    producing()
    transactions()
    groups()
    administration()

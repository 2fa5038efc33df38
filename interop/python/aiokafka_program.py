"""aiokafka: producers, transactions, consumers alone and in a group, and the admin client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from transcripts import SECONDS, SERVERS, STAMP, fact, title

NAME = "aiokafka"
Ask = Callable[[], Awaitable[object]]


async def attempt(what: str, call: Awaitable[object]) -> None:
    """What it returns, or what kind of error it raises."""
    try:
        fact(what, await asyncio.wait_for(call, SECONDS))
    except KafkaError as error:
        fact(what, type(error).__name__)


async def until(what: str, ask: Ask, wanted: object) -> None:
    """Kafka answers some changes before all of it knows them."""
    async with asyncio.timeout(SECONDS):
        while (found := await ask()) != wanted:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.05)
    fact(what, found)


async def producing(admin: AIOKafkaAdminClient) -> None:
    title("producing")
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        name = f"{NAME}-{codec}"
        await create(admin, name)
        for acks in (1, "all", 0):
            async with AIOKafkaProducer(bootstrap_servers=SERVERS, compression_type=codec, acks=acks) as producer:
                sent = await producer.send_and_wait(
                    name, b"v" * 100, key=b"k", partition=0, timestamp_ms=STAMP, headers=[("h", b"v")]
                )
                fact(f"{codec} acks={acks}", sent and (sent.partition, sent.offset))
        await read(name, 3)
    name = f"{NAME}-idempotent"
    await create(admin, name)
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, enable_idempotence=True) as producer:
        for value in (b"a", b"b"):
            fact("idempotent", (await producer.send_and_wait(name, value, partition=0)).offset)
        await attempt("too large", producer.send_and_wait(name, b"x" * 2_000_000, partition=0))


async def create(admin: AIOKafkaAdminClient, name: str, partitions: int = 1, **configs: str) -> None:
    answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    fact(f"create {name}", [error[:2] for error in answer.topic_errors])


async def read(name: str, count: int, isolation_level: str = "read_uncommitted") -> None:
    async with AIOKafkaConsumer(bootstrap_servers=SERVERS, isolation_level=isolation_level) as consumer:
        place = TopicPartition(name, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        found = [await asyncio.wait_for(consumer.getone(), SECONDS) for _ in range(count)]
        fact(
            f"read {isolation_level}",
            [(each.offset, each.timestamp - STAMP, each.key, each.value[:9], each.headers) for each in found],
        )
        fact("offsets", [await consumer.beginning_offsets([place]), await consumer.end_offsets([place])])
        [first] = (await consumer.offsets_for_times({place: 1})).values()
        fact("for times", (first.offset, first.timestamp - STAMP))


async def transactions(admin: AIOKafkaAdminClient) -> None:
    title("transactions")
    name = f"{NAME}-transactional"
    await create(admin, name)
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id=NAME) as producer:
        for number in range(3):
            await producer.begin_transaction()
            await producer.send_and_wait(name, b"%d" % number, partition=0, timestamp_ms=STAMP)
            await producer.send_offsets_to_transaction({TopicPartition(name, 0): number + 1}, f"{NAME}-copier")
            await (producer.abort_transaction() if number == 1 else producer.commit_transaction())
    await until("committed", committed_offsets(admin), [3])
    await read(name, 2, "read_committed")
    await read(name, 3)
    zombie = AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id=NAME)
    await zombie.start()
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id=NAME):
        await zombie.begin_transaction()
        await attempt("a zombie's record", zombie.send_and_wait(name, b"zombie", partition=0))
    try:
        await zombie.stop()
    except KafkaError as error:
        fact("its end", type(error).__name__)


def committed_offsets(admin: AIOKafkaAdminClient) -> Ask:
    async def ask() -> object:
        found = await admin.list_consumer_group_offsets(f"{NAME}-copier")
        return [place.offset for place in found.values()]

    return ask


async def groups(admin: AIOKafkaAdminClient) -> None:
    title("groups")
    name, group = f"{NAME}-shared", f"{NAME}-group"
    await create(admin, name, 4)

    def member() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            name,
            bootstrap_servers=SERVERS,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
            metadata_max_age_ms=500,
        )

    async with member() as first:
        fact("alone", len(first.assignment()))
        async with member() as second:
            async with asyncio.timeout(SECONDS):
                while [len(first.assignment()), len(second.assignment())] != [2, 2]:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.05)
            fact("shared", [2, 2])
            place = min(first.assignment())
            await first.commit({place: 0})
            fact("committed", await first.committed(place))
            await attempt("groups", kinds(admin))


async def kinds(admin: AIOKafkaAdminClient) -> object:
    return sorted(found for found in await admin.list_consumer_groups() if found[0].startswith(NAME))


async def administration(admin: AIOKafkaAdminClient) -> None:
    title("administration")
    name = f"{NAME}-administered"
    await create(admin, name, 2)
    await create(admin, name)
    await create(admin, "aio kafka")
    await create(admin, f"{NAME}-wrong", 1, **{"retention.ms": "soon"})
    answer = await admin.create_topics([NewTopic(f"{NAME}-replicated", 1, 3)])
    fact("replicated", [error[:2] for error in answer.topic_errors])
    fact("topics", sorted(found for found in await admin.list_topics() if found == name))
    [described] = await admin.describe_topics([name])
    fact("described", (described["error_code"], len(described["partitions"])))
    await attempt("more", codes(admin.create_partitions({name: NewPartitions(4)})))
    await attempt("fewer", codes(admin.create_partitions({name: NewPartitions(1)})))
    resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})
    await admin.alter_configs([resource])
    await until("retention.ms", retention(admin, name), [("retention.ms", "1000", False, 1, False)])
    cluster = await admin.describe_cluster()
    fact("cluster", (len(cluster["brokers"]), len(cluster["cluster_id"])))
    answer = await admin.delete_topics([name, f"{NAME}-missing"])
    fact("delete", sorted(answer.topic_error_codes))


def retention(admin: AIOKafkaAdminClient, name: str) -> Ask:
    async def ask() -> object:
        [configs] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        [(_, _, _, _, entries)] = configs.resources
        return [entry[:5] for entry in entries if entry[0] == "retention.ms"]

    return ask


async def codes(answer: Awaitable[object]) -> object:
    return [error[:2] for error in (await answer).topic_errors]


async def main() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=SERVERS)
    await admin.start()
    try:
        for part in (producing, transactions, groups, administration):
            await part(admin)
    finally:
        await admin.close()


if __name__ == "__main__":
    asyncio.run(main())

"""Long messages: a page has a part of each, `/api/record` the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from logpost.config import Config, KafkaConfig
from logpost_broker import Broker
from logpost_web.api.queries import Queries
from logpost_web.api.services import Services
from logpost_web.app import create_app
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.indexer.indexer import Indexer
from logpost_web.query.excerpt import ATTRIBUTES_BYTES, BEFORE_MATCH, EXCERPT_CHARACTERS, WHOLE_BYTES
from logpost_web.query.statement import MAX_ANSWER_BYTES
from logpost_web.store.columns import words_column
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.support.processes import free_port
from tests.web.api.conftest import Get, fetch, serving

TOPIC = "logs-long"
MESSAGE = "a" * 750_000 + " Needle " + "z" * 750_000


@pytest.fixture(scope="module", autouse=True)
def rows(store: Store) -> Iterator[None]:
    """Messages of 1.5 MB, one just short enough, one of other letters, long attributes, a message that was cut."""
    base = {"Topic": TOPIC, "Partition": 1, "ServiceName": "long"}
    lines = [{**base, "Offset": offset, "Body": MESSAGE} for offset in range(130)]
    lines.append({**base, "Offset": 130, "Body": "x" * WHOLE_BYTES})
    lines.append({**base, "Offset": 131, "ServiceName": "letters", "Body": "ä" * WHOLE_BYTES})
    for start in range(0, len(lines), 20):
        store.insert("\n".join(map(json.dumps, lines[start : start + 20])).encode())
    wide = {"stack": "s" * (2 * ATTRIBUTES_BYTES)}
    store.insert(json.dumps({**base, "Offset": 200, "ServiceName": "wide", "LogAttributes": wide}).encode())
    most = {"stack": "s" * (ATTRIBUTES_BYTES - 100)}
    many = [{**base, "Offset": 300 + n, "ServiceName": "many", "LogAttributes": most} for n in range(80)]
    for start in range(0, len(many), 20):
        store.insert("\n".join(map(json.dumps, many[start : start + 20])).encode())
    cut = {**base, "Offset": 400, "ServiceName": "cut", "Body": "c" * 100, "BodyBytes": 300_000_000}
    store.insert(json.dumps(cut).encode())
    yield
    store.command(f"ALTER TABLE otel_logs DELETE WHERE Topic = '{TOPIC}' SETTINGS mutations_sync = 1")


def test_a_page_of_long_messages_has_a_part_of_each(get: Get) -> None:
    answer = get("/api/search", q="service:long", limit=130, order="asc")
    assert answer.status == 200
    assert len(answer.body) < 130 * (4 * EXCERPT_CHARACTERS)
    found = answer.json()["rows"]
    assert len(found) == 130
    assert {row["message"] for row in found} == {"a" * EXCERPT_CHARACTERS}
    assert {row["message_bytes"] for row in found} == {len(MESSAGE.encode())}


def test_the_part_is_that_around_the_first_match(get: Get) -> None:
    for query in ("needle", '" needle "', "message:needle", "nosuch OR needle"):
        [row] = get("/api/search", q=f"service:long {query} offset:3").json()["rows"]
        assert "Needle" in row["message"], query
        assert len(row["message"]) <= EXCERPT_CHARACTERS
    [row] = get("/api/search", q="service:long needle offset:3").json()["rows"]
    assert row["message"].startswith("a" * (BEFORE_MATCH - 1) + " Needle z")


FAR = 60_000
UNUSUAL = {
    "case": ("Straße " * FAR + "STRAẞENBAHN", "straßenbahn", "STRAẞENBAHN"),
    "accents": ("é" * FAR + " cafe\u0301!", "café", "cafe\u0301"),
    "colours": ("b " * FAR + "conn\x1b[1mection lost", '"connection lost"', "conn\x1b[1mection lost"),
    "border": ("errors " * FAR + "error.", "error", "error"),
    "expression": ("c" * FAR + " code=502", "message:/code=5\\d\\d/", "code=502"),
    "width": ("\uff0a" * 49_998 + " \uff25\uff32\uff32", "err", "\uff25\uff32\uff32"),
}


@pytest.fixture(scope="module")
def unusual(store: Store) -> None:
    lines = [
        {"Topic": TOPIC, "Partition": 2, "Offset": n, "ServiceName": name, "Body": body, "Words": words_column(body)}
        for n, (name, (body, *_)) in enumerate(UNUSUAL.items())
    ]
    store.insert("\n".join(map(json.dumps, lines)).encode())


@pytest.mark.usefixtures("unusual")
@pytest.mark.parametrize("name", UNUSUAL)
def test_the_part_is_around_a_match_that_is_written_otherwise(get: Get, name: str) -> None:
    _, query, expected = UNUSUAL[name]
    [row] = get("/api/search", q=f"service:{name} {query}", highlight="true").json()["rows"]
    units = row["message"].encode("utf-16-le")
    assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in row["marks"]] == [expected]
    assert len(row["message"]) <= BEFORE_MATCH + len(expected) + 1


def test_the_part_is_of_the_row_itself(get: Get, store: Store) -> None:
    """Not of another at the same offset of a topic that was made again."""
    place = {"Topic": TOPIC, "Partition": 3, "Offset": 0}
    lines = [
        {
            **place,
            "TopicId": name,
            "ServiceName": name,
            "Timestamp": time,
            "IndexedAt": n,
            "Body": name * 9000 + " code=1",
        }
        for n, (name, time) in enumerate(
            [("first", "2026-11-22T10:00:00Z"), ("later", "2026-11-23T10:00:00Z")], start=1
        )
    ]
    store.insert("\n".join(map(json.dumps, lines)).encode())
    for name in ("first", "later"):
        [row] = get("/api/search", q=f"service:{name} message:/code=\\d/").json()["rows"]
        assert name * 9 in row["message"]
    assert row["message"].endswith(" code=1")


def test_each_record_of_an_address_that_two_topics_had_is_whole(get: Get, store: Store) -> None:
    """A topic that was deleted and made again has the same offsets; other programs need not know its id."""
    place = {"Topic": TOPIC, "Partition": 4, "Offset": 7, "Timestamp": "2026-11-22T10:00:00Z"}
    for indexed, name in enumerate(("Zuerst_-9", "später"), start=1):
        store.insert(json.dumps({**place, "TopicId": name, "IndexedAt": indexed, "Body": name * 9000}).encode())
    shown = get("/api/search", q=f"topic:{TOPIC} partition:4").json()["rows"]
    assert sorted(row["topic_id"] for row in shown) == ["Zuerst_-9", "später"]
    for row in shown:
        whole = get("/api/record", topic=TOPIC, partition=4, offset=7, topic_id=row["topic_id"]).json()
        assert (whole["message"], whole["topic_id"]) == (row["topic_id"] * 9000, row["topic_id"])
    assert get("/api/record", topic=TOPIC, partition=4, offset=7).json()["topic_id"] == "später"
    assert get("/api/record", topic=TOPIC, partition=4, offset=7, topic_id="nosuch").status == 404


def test_a_message_that_is_short_enough_comes_whole(get: Get) -> None:
    [row] = get("/api/search", q="offset:130").json()["rows"]
    assert row["message"] == "x" * WHOLE_BYTES
    assert "message_bytes" not in row


def test_a_part_ends_between_characters(get: Get) -> None:
    [row] = get("/api/search", q="service:letters").json()["rows"]
    assert (row["message"], row["message_bytes"]) == ("ä" * EXCERPT_CHARACTERS, 2 * WHOLE_BYTES)


def test_attributes_that_are_too_long_for_a_page_say_how_long_they_are(get: Get) -> None:
    [row] = get("/api/search", q="service:wide").json()["rows"]
    assert row["attrs"] == {"logpost.attrs_bytes": 2 * ATTRIBUTES_BYTES + len('{"stack":""}')}
    whole = get("/api/record", topic=TOPIC, partition=1, offset=200).json()
    assert whole["attrs"] == {"stack": "s" * (2 * ATTRIBUTES_BYTES)}


def test_a_page_that_would_be_too_large_is_shorter_and_none_is_lost(get: Get) -> None:
    assert 80 * (ATTRIBUTES_BYTES - 100) > MAX_ANSWER_BYTES
    offsets: list[int] = []
    cursor = ""
    while True:
        page = get("/api/search", q="service:many", limit=100, order="asc", cursor=cursor).json()
        offsets += [row["offset"] for row in page["rows"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert offsets == list(range(300, 380))


def test_the_row_of_a_record_has_all_of_its_message(get: Get) -> None:
    row = get("/api/record", topic=TOPIC, partition=1, offset=3).json()
    assert row["message"] == MESSAGE
    assert "message_bytes" not in row
    cut = get("/api/record", topic=TOPIC, partition=1, offset=400).json()
    assert (cut["message"], cut["message_bytes"]) == ("c" * 100, 300_000_000)


@pytest.mark.parametrize(("topic", "partition", "offset"), [("logs", 2, 99), ("logs", 0, 0), ("other", 2, 0)])
def test_a_record_that_is_not_there_is_not_found(get: Get, topic: str, partition: int, offset: int) -> None:
    answer = get("/api/record", topic=topic, partition=partition, offset=offset)
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"partition": 0, "offset": 0}, "topic is missing"),
        ({"topic": "logs", "partition": 0}, "offset is missing"),
        ({"topic": "logs", "partition": -1, "offset": 0}, "partition is a number from 0 to"),
        ({"topic": "logs", "partition": 0, "offset": 2**63}, "offset is a number from 0 to"),
        ({"topic": "logs", "partition": 0, "offset": "0x1"}, "offset is a number from 0 to"),
        ({"topic": "logs", "partition": 0, "offset": 0, "row": "true"}, "there is no parameter 'row'"),
    ],
)
def test_a_malformed_argument_is_named(get: Get, arguments: dict[str, object], message: str) -> None:
    answer = get("/api/record", **arguments)
    assert answer.status == 400
    assert answer.json()["error"]["message"].startswith(message)


@pytest.fixture(scope="module")
def raw_address(store: Store) -> Iterator[str]:
    """The application beside a broker with one partition of three records, the second long and no text."""
    with Broker(memory=True) as broker:
        config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for value in (b'{"message": "first"}', bytes(range(256)) * 3000, None):
            producer.produce("logs-raw", value, partition=0)
            assert producer.flush(60) == 0
        producer.produce("other", b"x", partition=0)
        assert producer.flush(60) == 0
        with serving(create_app(services_of(store, config))) as address:
            yield address


def services_of(store: Store, config: Config, seconds: float = 30.0) -> Services:
    return Services(
        queries=Queries(store, config.store),
        indexer=Indexer(config, store),
        topic_reader=TopicReader(config, seconds),
        kafka=config.kafka,
    )


def test_the_bytes_of_a_record_come_as_they_stand_in_the_topic(raw_address: str) -> None:
    answer = fetch(
        f"{raw_address}/api/record?topic=logs-raw&partition=0&offset=1&raw=true", headers={"Accept-Encoding": "gzip"}
    )
    assert answer.status == 200
    assert answer.body == bytes(range(256)) * 3000
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    assert fetch(f"{raw_address}/api/record?topic=logs-raw&partition=0&offset=2&raw=true").body == b""


def test_bytes_of_a_record_that_the_topic_has_no_more_are_refused(store: Store) -> None:
    """A topic that was made again has others at its address."""
    with Broker(memory=True) as broker:
        config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers, partitions=1))
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("logs", b"new", partition=0)
        assert producer.flush(60) == 0
        services = services_of(store, config)
        services.indexer.start()
        try:
            await_condition(lambda: services.indexer.topic_id_at(("logs", 0), 0) != "", "the partition is read", 60)
            with serving(create_app(services)) as address:
                record = f"{address}/api/record?topic=logs&partition=0&offset=0&raw=true"

                def is_there() -> bool:  # the id of its life in the topic is known when the store was asked
                    there = services.indexer.topic_id_at(("logs", 0), 0)
                    return fetch(f"{record}&topic_id={there}").body == b"new"

                await_condition(is_there, "the record is found by its topic's id", 60)
                assert fetch(record).body == b"new"
                answer = fetch(f"{record}&topic_id=another")
        finally:
            services.indexer.stop()
            store.command("ALTER TABLE otel_logs DELETE WHERE Body = 'new' SETTINGS mutations_sync = 1")
    assert answer.status == 404
    assert "another record now" in answer.json()["error"]["message"]


@pytest.mark.parametrize("place", ["logs-raw/0/3", "logs-raw/0/999", "logs-raw/7/0", "logs-nosuch/0/0", "other/0/0"])
def test_bytes_that_are_not_there_are_not_found(raw_address: str, place: str) -> None:
    topic, partition, offset = place.split("/")
    answer = fetch(f"{raw_address}/api/record?topic={topic}&partition={partition}&offset={offset}&raw=true")
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_a_broker_that_is_away_is_named(store: Store) -> None:
    config = Config(kafka=KafkaConfig(bootstrap_servers=f"localhost:{free_port()}"))
    with serving(create_app(services_of(store, config, seconds=1.0))) as address:
        answer = fetch(f"{address}/api/record?topic=logs&partition=0&offset=0&raw=true")
    assert answer.status == 503
    assert answer.json()["error"]["message"].startswith("the broker cannot be asked: ")

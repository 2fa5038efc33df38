"""A request that changes many topics, settings, quotas or users writes the metadata file a few times, beside the event
loop, and answers each of them as if it had come alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.api import handled
from logpost_broker.api.registry import RequestContext
from logpost_broker.broker import EMBEDDED
from logpost_broker.log.files import Files
from logpost_broker.metadata.metadata_file import NAME
from logpost_broker.metadata.resource_configs import ResourceType
from logpost_broker.node import Node
from tests.broker.api.counted_turns import Open
from tests.broker.wire_client import WireClient, entity, load, versions

COUNT = 250
WRITES = 3
"""Of a hundred topics or settings each; quotas and users are written at once."""
SECONDS = 60


class Writes(Files):
    """Counts those of the metadata file. Each waits until it may go on, where that is asked, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []
        self.may_go_on: Callable[[], None] = lambda: None
        self.error: OSError | None = None

    def replace(self, path: Path, data: bytes, *, synced: bool = True) -> None:
        if path.name == NAME:
            self.threads.append(threading.get_ident())
            self.may_go_on()
            if self.error is not None:
                raise self.error
        super().replace(path, data, synced=synced)


class Subject:
    """A node that is asked directly."""

    def __init__(self, node: Node, writes: Writes) -> None:
        self.node = node
        self.writes = writes

    async def ask(self, api: str, **values: Any) -> Any:
        version = versions(api)[-1]
        request = entity(load(api, version, "request"), values)
        found = handled(int(request.__api_key__))
        assert found is not None
        context = RequestContext(version=version, client_id="test", client_host="localhost", connection=Open())
        answer = found.handler(self.node, request, context)
        return await answer if isinstance(answer, Awaitable) else answer

    async def codes(self, change: str, *, bad: bool = False) -> list[ErrorCode]:
        """What a change of 250 comes to, in the order of the request; `bad`: the eighth cannot be."""
        api, array, one, answers = CHANGES[change]
        asked = [one(number, bad and number == 7) for number in range(COUNT)]
        answer = await self.ask(api, **{array: asked})
        return [each.error_code for each in getattr(answer, answers)]


@asynccontextmanager
async def started(directory: Path) -> AsyncIterator[Subject]:
    writes = Writes()
    node = Node(EMBEDDED, directory, host="localhost", port=0, files=writes)
    node.open()
    await node.start()
    yield Subject(node, writes)
    await node.stop()


def name(number: int) -> str:
    return f"n{number:03}"


def _topic(number: int, is_bad: bool) -> dict[str, Any]:
    return {"name": "no name" if is_bad else name(number), "num_partitions": 1, "replication_factor": 1}


def _growth(number: int, is_bad: bool) -> dict[str, Any]:
    return {"name": "none" if is_bad else name(number), "count": 2, "assignments": None}


def _settings(kind: ResourceType, setting: str, value: str) -> Callable[[int, bool], dict[str, Any]]:
    def one(number: int, is_bad: bool) -> dict[str, Any]:
        config = {"name": setting, "value": "x" if is_bad else value, "config_operation": 0}
        return {"resource_type": int(kind), "resource_name": name(number), "configs": [config]}

    return one


def _quota(number: int, is_bad: bool) -> dict[str, Any]:
    limit = {"key": "producer_byte_rate", "value": -1.0 if is_bad else 1.0, "remove": False}
    return {"entity": [{"entity_type": "user", "entity_name": name(number)}], "ops": [limit]}


def _password(number: int, is_bad: bool) -> dict[str, Any]:
    return {
        "name": name(number),
        "mechanism": 9 if is_bad else 1,
        "iterations": 4096,
        "salt": b"salt",
        "salted_password": b"p",
    }


def _deletion(number: int, is_bad: bool) -> dict[str, Any]:
    return {"name": "none" if is_bad else name(number), "topic_id": None}


Change = tuple[str, str, Callable[[int, bool], dict[str, Any]], str]
"""API, array, what it has, and the array of the answer."""
LAG = _settings(ResourceType.TOPIC, "retention.ms", "1000")
SESSION = _settings(ResourceType.GROUP, "share.session.timeout.ms", "50000")
CHANGES: dict[str, Change] = {
    "create topics": ("create_topics", "topics", _topic, "topics"),
    "create partitions": ("create_partitions", "topics", _growth, "results"),
    "alter topics": ("alter_configs", "resources", LAG, "responses"),
    "alter topics one by one": ("incremental_alter_configs", "resources", LAG, "responses"),
    "alter groups": ("alter_configs", "resources", SESSION, "responses"),
    "alter groups one by one": ("incremental_alter_configs", "resources", SESSION, "responses"),
    "alter quotas": ("alter_client_quotas", "entries", _quota, "entries"),
    "alter users": ("alter_user_scram_credentials", "upsertions", _password, "results"),
    "delete topics": ("delete_topics", "topics", _deletion, "responses"),
}
ANSWERS = {api: answers for api, _, _, answers in CHANGES.values()} | {"metadata": "topics"}
REFUSED = {
    "create topics": ErrorCode.invalid_topic_exception,
    "create partitions": ErrorCode.unknown_topic_or_partition,
    "alter topics": ErrorCode.invalid_config,
    "alter topics one by one": ErrorCode.invalid_config,
    "alter groups": ErrorCode.invalid_config,
    "alter groups one by one": ErrorCode.invalid_config,
    "alter quotas": ErrorCode.invalid_request,
    "alter users": ErrorCode.unsupported_sasl_mechanism,
    "delete topics": ErrorCode.unknown_topic_or_partition,
}


@pytest.mark.parametrize("change", CHANGES)
def test_many_are_changed_with_few_writes_beside_the_loop(tmp_path: Path, change: str) -> None:
    async def story() -> None:
        async with started(tmp_path) as subject:
            if change != "create topics":
                await subject.codes("create topics")
            subject.writes.threads.clear()
            codes = await subject.codes(change, bad=True)
            assert codes == [REFUSED[change] if number == 7 else ErrorCode.none for number in range(COUNT)]
            assert len(subject.writes.threads) <= WRITES
            assert threading.get_ident() not in subject.writes.threads

    asyncio.run(story())


@pytest.mark.parametrize("change", CHANGES)
def test_others_are_served_while_it_is_written(tmp_path: Path, change: str) -> None:
    """Each write waits for the answer to another request."""

    async def story() -> None:
        async with started(tmp_path) as subject:
            if change != "create topics":
                await subject.codes("create topics")
            loop = asyncio.get_running_loop()
            seen = []

            def answered() -> None:
                answer = asyncio.run_coroutine_threadsafe(subject.ask("metadata", topics=None), loop)
                seen.append(len(answer.result(SECONDS).topics))

            subject.writes.may_go_on = answered
            await subject.codes(change)
            subject.writes.may_go_on = lambda: None  # at the end it writes on the loop, which then answers nobody
            made = {"create topics": [0, 100, 200], "delete topics": [250, 150, 50]}
            assert seen == made.get(change, [250] * len(seen))
            assert seen

    asyncio.run(story())


@pytest.mark.parametrize("change", CHANGES)
def test_what_cannot_be_written_has_not_happened(tmp_path: Path, change: str) -> None:
    async def story() -> None:
        async with started(tmp_path) as subject:
            if change != "create topics":
                await subject.codes("create topics")
            before = (tmp_path / NAME).read_bytes()
            subject.writes.error = OSError(28, "No space left on device")
            codes = await subject.codes(change, bad=True)
            failed = ErrorCode.kafka_storage_error
            assert codes == [REFUSED[change] if number == 7 else failed for number in range(COUNT)]
            assert (tmp_path / NAME).read_bytes() == before
            subject.writes.error = None
            assert set(await subject.codes(change)) == {ErrorCode.none}
            assert (tmp_path / NAME).read_bytes() != before

    asyncio.run(story())


@pytest.mark.parametrize("change", ["create topics", "delete topics"])
def test_who_is_told_that_it_is_done_finds_it_so_after_a_stop_amid_it(tmp_path: Path, change: str) -> None:
    """What is being written then is done and answered, and all else is refused."""

    async def story() -> list[ErrorCode]:
        async with started(tmp_path) as subject:
            if change != "create topics":
                await subject.codes("create topics")
            loop, is_stopping = asyncio.get_running_loop(), threading.Event()

            def stopped() -> None:
                loop.call_soon_threadsafe(stop)
                assert is_stopping.wait(SECONDS)

            def stop() -> None:
                subject.node.partitions.release_parked()
                is_stopping.set()

            subject.writes.may_go_on = stopped
            changed = asyncio.create_task(subject.codes(change))
            await asyncio.to_thread(is_stopping.wait, SECONDS)
        return await changed

    codes = asyncio.run(story())
    assert codes == [ErrorCode.none] * 100 + [ErrorCode.not_controller] * 150
    node = Node(EMBEDDED, tmp_path, host="localhost", port=0)
    there = {topic.name for topic in node.partitions.topics}
    done = {name(number) for number in range(100)}
    everything = {name(number) for number in range(COUNT)}
    assert there == (done if change == "create topics" else everything - done)


def test_what_is_changed_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Two clients set two settings of the same groups and topics at the same time, a third adds partitions."""

    async def story() -> None:
        async with started(tmp_path) as subject:
            await subject.codes("create topics")
            settings = [
                _settings(kind, setting, value)
                for kind, setting, value in (
                    (ResourceType.TOPIC, "retention.ms", "1000"),
                    (ResourceType.TOPIC, "segment.ms", "2000"),
                    (ResourceType.GROUP, "share.session.timeout.ms", "50000"),
                    (ResourceType.GROUP, "share.heartbeat.interval.ms", "6000"),
                )
            ]
            asked = [[one(number, False) for number in range(COUNT)] for one in settings]
            await asyncio.gather(
                *(subject.ask("incremental_alter_configs", resources=resources) for resources in asked),
                subject.codes("create partitions"),
            )
            partitions = subject.node.partitions
            for topic in partitions.topics:
                assert (topic.partitions, topic.configs.overrides) == (
                    2,
                    {"retention.ms": "1000", "segment.ms": "2000"},
                )
            groups = [partitions.resource_configs.of(ResourceType.GROUP, name(number)) for number in range(COUNT)]
            assert groups == [
                {"share.session.timeout.ms": "50000", "share.heartbeat.interval.ms": "6000"} for _ in groups
            ]

    asyncio.run(story())


def test_what_a_client_sends_behind_a_change_finds_it_made(shared_broker: Broker) -> None:
    """Also without waiting for its answer, as with Apache Kafka."""
    with WireClient(shared_broker.port) as client:
        client.send("create_topics", 7, {"topics": [_topic(0, False) | {"name": "sent-ahead"}]})
        client.send("metadata", 12, {"topics": [{"name": "sent-ahead"}], "allow_auto_topic_creation": False})
        client.send("delete_topics", 6, {"topics": [{"name": "sent-ahead", "topic_id": None}]})
        client.send("metadata", 12, {"topics": [{"name": "sent-ahead"}], "allow_auto_topic_creation": False})
        _, made, _, gone = (client.receive() for _ in range(4))
        assert [made.topics[0].error_code, gone.topics[0].error_code] == [
            ErrorCode.none,
            ErrorCode.unknown_topic_or_partition,
        ]


def test_also_what_is_sent_while_a_long_change_is_still_looked_at(
    shared_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are served between any two of its topics."""
    monkeypatch.setattr("logpost_broker.turns.STEP_SECONDS", -1.0)
    first, last, used = names = ["looked-at-first", "looked-at-last", "looked-at-when-used"]
    asked = [{"name": one} for one in names]
    ahead: list[tuple[str, int, dict[str, Any]]] = [
        ("create_topics", 7, {"topics": [_topic(0, False) | {"name": one} for one in (first, last)]}),
        ("create_partitions", 3, {"topics": [{"name": last, "count": 2, "assignments": None}]}),
        ("metadata", 12, {"topics": asked, "allow_auto_topic_creation": True}),
        ("create_partitions", 3, {"topics": [{"name": used, "count": 2, "assignments": None}]}),
        ("delete_topics", 6, {"topics": [{"name": one, "topic_id": None} for one in names]}),
        ("create_topics", 7, {"topics": [_topic(0, False) | {"name": last}]}),
        ("delete_topics", 6, {"topics": [{"name": last, "topic_id": None}]}),
    ]
    with WireClient(shared_broker.port) as client:
        for api, version, values in ahead:
            client.send(api, version, values)
        answers = [client.receive() for _ in ahead]
    lists = (getattr(answer, ANSWERS[api]) for answer, (api, *_) in zip(answers, ahead, strict=True))
    codes = [each.error_code for answered in lists for each in answered]
    assert codes == [ErrorCode.none] * 12

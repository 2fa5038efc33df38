"""A disk that is full for a while: errors for who writes, nothing for who reads, nothing torn, and on it goes."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.batch import Buffer
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.topics import NewTopic, Topic
from logpost_broker.node import Node
from logpost_broker.partitions import flusher
from tests.broker.log.logs import NOW_MS, append, close_cleanly, idempotent, open_log, sync, values_from
from tests.support.system import RealSystem

SOME_ROOM = 70
"""Bytes: a batch begins to fit and does not end."""


class SmallDisk(RealSystem):
    """The system calls that take room fail like Linux: what fits is written first."""

    def __init__(self) -> None:
        self.room: int | None = None
        """Bytes left; None is without end. A new file needs one."""

    def _take(self, wanted: int) -> int:
        if self.room is None:
            return wanted
        taken = min(wanted, self.room)
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= taken
        return taken

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int, /) -> int:
        data = b"".join(buffers)
        return super().pwritev(fd, [data[: self._take(len(data))]], offset)

    def write(self, fd: int, data: Buffer, /) -> int:
        return super().write(fd, bytes(data)[: self._take(len(data))])

    def open(self, path: Path, flags: int, mode: int = 0o777, /) -> int:
        if flags & os.O_CREAT and not path.exists():
            self._take(1)
        return super().open(path, flags, mode)


@pytest.fixture
def disk() -> SmallDisk:
    return SmallDisk()


def on_a_node(directory: Path, disk: SmallDisk, story: Callable[[Node, PartitionLog], Awaitable[None]]) -> None:
    async def tell() -> None:
        files = Files(system=disk)
        node = Node(BrokerConfig(port=0, metrics_port=0), directory, host="localhost", port=1, files=files)
        node.open()
        await node.start()
        await story(
            node, node.partitions.log(node.partitions.topics.by_name("t") or node.partitions.create_topic("t", 2), 0)
        )
        await node.stop()

    asyncio.run(tell())


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(ApiError) as raised:
        call()
    assert raised.value.code is ErrorCode.kafka_storage_error


def test_a_batch_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, disk: SmallDisk) -> None:
    log = open_log(tmp_path, system=disk)
    append(log, b"before")
    sync(log)
    size = log.size_bytes
    for room in range(SOME_ROOM):
        disk.room = room
        refused(lambda: append(log, b"does not fit"))
        assert (log.next_offset, log.size_bytes, log.active.log.path.stat().st_size) == (1, size, size)
        assert values_from(log, 0) == [b"before"]
    disk.room = None
    assert append(log, b"after") == 1
    sync(log)
    log.close()
    assert values_from(open_log(tmp_path, system=disk), 0) == [b"before", b"after"]


def test_a_producer_that_was_refused_sends_the_same_batch_again(tmp_path: Path, disk: SmallDisk) -> None:
    log = open_log(tmp_path, system=disk)
    log.append(idempotent(7, 0, [b"first"]), now_ms=0)
    disk.room = SOME_ROOM
    refused(lambda: log.append(idempotent(7, 1, [b"second"]), now_ms=0))
    disk.room = None
    again = log.append(idempotent(7, 1, [b"second"]), now_ms=0)
    assert (again.base_offset, again.duplicate) == (1, False)


@pytest.mark.parametrize("room", range(4))
def test_a_segment_that_cannot_be_made_is_made_later(tmp_path: Path, disk: SmallDisk, room: int) -> None:
    log = open_log(tmp_path, segment_bytes=200, system=disk)
    append(log, b"first" + b"." * 100)
    disk.room = room
    refused(lambda: append(log, b"second" + b"." * 100))
    refused(lambda: append(log, b"second" + b"." * 100))
    disk.room = None
    assert append(log, b"second") == 1
    known = close_cleanly(log)
    assert [segment.base_offset for segment in log.segments] == [0, 1]
    for reopened in (open_log(tmp_path, known=known), open_log(tmp_path, system=disk)):
        assert values_from(reopened, 1) == [b"second"]


def test_checkpoints_on_a_full_disk_take_no_partition_offline(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flusher, "CHECKPOINT_SECONDS", 0.01)

    async def until(holds: Callable[[], bool]) -> None:
        # The event to await is the end of a sync that nobody asked for: it has no future.
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def story(node: Node, log: PartitionLog) -> None:
        append(log, b"before")
        await node.partitions.durable(log)
        append(log, b"amid", timestamp_ms=NOW_MS + 1)
        disk.room = 0
        await until(lambda: "cannot begin to sync" in caplog.text and "cannot save the recovery points" in caplog.text)
        assert (log.offline, log.next_offset) == (None, 2)
        await node.partitions.durable(log)
        assert values_from(log, 1) == [b"amid"]
        disk.room = None
        append(log, b"after")
        await node.partitions.durable(log)
        await until(lambda: log.recovery_point == 3)

    on_a_node(tmp_path, disk, story)
    assert (tmp_path / ".kafka_cleanshutdown").exists()


def test_a_snapshot_that_cannot_be_saved_costs_nothing_else(
    tmp_path: Path, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(tmp_path, system=disk)
    append(log, b"v")
    job = log.begin_sync(checkpoint=True)
    disk.room = SOME_ROOM // 10
    job.run()
    log.end_sync(job)
    assert "cannot save the producer states" in caplog.text
    assert (log.recovery_point, values_from(log, 0)) == (1, [b"v"])
    assert not list(tmp_path.glob("*.tmp"))


def test_topics_that_one_write_would_have_made_are_all_refused_without_it(tmp_path: Path, disk: SmallDisk) -> None:
    wanted = [NewTopic(name, 1) for name in ("a.b", "a_b", "c", "no name")]

    async def story(node: Node, _: PartitionLog) -> None:
        disk.room = 0
        codes = {
            name: getattr(error, "code", None) for name, error in (await node.partitions.create_topics(wanted)).items()
        }
        storage, illegal = ErrorCode.kafka_storage_error, ErrorCode.invalid_topic_exception
        assert codes == {"a.b": storage, "a_b": illegal, "c": storage, "no name": illegal}
        assert [topic.name for topic in node.partitions.topics] == ["t"]
        disk.room = None
        made = await node.partitions.create_topics(wanted[::-1])
        assert [name for name, topic in made.items() if isinstance(topic, Topic)] == ["c", "a_b"]

    on_a_node(tmp_path, disk, story)
    on_a_node(tmp_path, disk, names_are("a_b", "c", "t"))


def names_are(*names: str) -> Callable[[Node, PartitionLog], Awaitable[None]]:
    async def story(node: Node, _: PartitionLog) -> None:
        assert [topic.name for topic in node.partitions.topics] == list(names)

    return story

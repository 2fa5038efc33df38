"""When a batch counts as safe, and what a failed sync costs."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.files import File, Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.node import Node
from logpost_broker.partitions import flusher
from tests.broker.log.logs import append, idempotent, values_from


class Disk(Files):
    """A file system whose syncs are counted, held back and made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.syncs = 0
        self.broken = False
        self.synced = threading.Event()
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.together: threading.Barrier | None = None
        """Logs are synced when so many threads want to."""

    def open(self, path: Path) -> File:
        return FileOnDisk(path, os.open(path, os.O_RDWR | os.O_CREAT), self)


class FileOnDisk(File):
    def __init__(self, path: Path, fd: int, disk: Disk) -> None:
        super().__init__(path, fd)
        self.disk = disk

    def sync(self) -> None:
        assert self.disk.may_sync.wait(60)
        if self.disk.together is not None and self.path.suffix == ".log":
            self.disk.together.wait(60)
        self.disk.syncs += 1
        if self.disk.broken:
            raise OSError(errno.EIO, "Input/output error")
        super().sync()
        self.disk.synced.set()

    def duplicate(self) -> File:
        return FileOnDisk(self.path, os.dup(self.fileno()), self.disk)


Story = Callable[[Node, PartitionLog], Awaitable[None]]


def on_a_node(directory: Path, story: Story, disk: Files | None = None, **settings: object) -> None:
    """Tell the story on a node with one topic."""

    async def tell() -> None:
        config = BrokerConfig(port=0, metrics_port=0, **settings)  # type: ignore[arg-type]  # settings by name
        node = Node(config, directory, host="localhost", port=1, files=disk)
        node.open()
        await node.start()
        log = node.partitions.log(node.partitions.topics.by_name("t") or node.partitions.create_topic("t", 1), 0)
        await story(node, log)
        await node.stop()

    asyncio.run(tell())


def test_one_sync_serves_all_that_wait(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        disk.may_sync.clear()
        append(log, b"first")
        waiting = [node.partitions.durable(log)]
        for number in range(50):
            append(log, b"%d" % number)
            waiting.append(node.partitions.durable(log))
        disk.may_sync.set()
        await asyncio.gather(*waiting)
        assert disk.syncs == 2, "one for the first, one for all that came meanwhile"
        assert log.high_watermark == 51

    on_a_node(tmp_path, story, disk)


def test_nothing_is_safe_or_seen_before_its_sync(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        disk.may_sync.clear()
        append(log, b"v")
        durable = node.partitions.durable(log)
        await asyncio.sleep(0)
        assert not durable.done()
        assert log.read(0, 1000) == b""
        disk.may_sync.set()
        await durable
        assert values_from(log, 0) == [b"v"]

    on_a_node(tmp_path, story, disk)


@pytest.mark.parametrize("flush", ["interval", "os"])
def test_what_is_written_during_a_sync_waits_for_its_own_time(tmp_path: Path, flush: str) -> None:
    """Else a log that is always written to would be synced without a pause."""
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        disk.may_sync.clear()
        append(log, b"first")
        synced = node.partitions.flusher.synced(log)
        append(log, b"second")
        assert node.partitions.durable(log).done()
        assert not synced.done()
        disk.may_sync.set()
        await synced
        assert not log.is_synced
        await node.partitions.flusher.synced(log)
        assert log.is_synced
        assert node.partitions.flusher.synced(log).done()

    on_a_node(tmp_path, story, disk, flush=flush, flush_interval_ms=60_000)


def test_a_failed_sync_takes_the_partition_offline_for_good(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        append(log, b"synced")
        await node.partitions.durable(log)
        disk.broken = True
        append(log, b"lost")
        waiting = [node.partitions.durable(log), node.partitions.durable(log)]
        failed = await asyncio.gather(*waiting, return_exceptions=True)
        assert [error.code for error in failed if isinstance(error, ApiError)] == [ErrorCode.kafka_storage_error] * 2
        disk.broken = False
        syncs = disk.syncs
        for attempt in (lambda: append(log, b"after"), lambda: log.read(0, 10)):
            with pytest.raises(ApiError) as raised:
                attempt()
            assert raised.value.code is ErrorCode.kafka_storage_error
        with pytest.raises(ApiError):
            await node.partitions.durable(log)
        other = node.partitions.log(node.partitions.create_topic("other", 1), 0)
        append(other, b"v")
        await node.partitions.durable(other)
        assert disk.syncs == syncs + 1, "the failed sync was tried again"

    on_a_node(tmp_path, story, disk)
    assert not (tmp_path / ".kafka_cleanshutdown").exists()

    async def after_restart(node: Node, log: PartitionLog) -> None:
        assert values_from(log, 0)[0] == b"synced"

    on_a_node(tmp_path, after_restart)


def test_flush_os_answers_and_shows_at_once(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        append(log, b"v")
        assert node.partitions.durable(log).done()
        assert values_from(log, 0) == [b"v"]
        assert disk.syncs == 0

    on_a_node(tmp_path, story, disk, flush="os")


def test_flush_interval_syncs_behind_the_answer(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        append(log, b"v")
        assert node.partitions.durable(log).done()
        assert await asyncio.to_thread(disk.synced.wait, 60)

    on_a_node(tmp_path, story, disk, flush="interval", flush_interval_ms=10)


def test_a_stop_amid_syncs_that_nobody_waits_for_is_clean(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        disk.may_sync.clear()
        append(log, b"first")
        node.partitions.flusher.written(log)
        append(log, b"second")
        node.partitions.flusher.written(log)
        asyncio.get_running_loop().call_later(0.05, disk.may_sync.set)

    on_a_node(tmp_path, story, disk)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert (tmp_path / ".kafka_cleanshutdown").exists()

    async def after_restart(node: Node, log: PartitionLog) -> None:
        assert values_from(log, 0) == [b"first", b"second"]

    on_a_node(tmp_path, after_restart)


def test_a_stop_syncs_many_logs_at_once_and_passes_by_those_that_nobody_wrote(tmp_path: Path) -> None:
    disk = Disk()

    async def written(node: Node, log: PartitionLog) -> None:
        topic = node.partitions.create_topic("others", 5)
        for each in (log, *(node.partitions.log(topic, partition) for partition in range(5))):
            append(each, b"v")
            await node.partitions.durable(each)
        disk.together, disk.syncs = threading.Barrier(3), 0

    on_a_node(tmp_path, written, disk)
    assert disk.syncs == 6 * 3  # with their indexes
    assert (tmp_path / ".kafka_cleanshutdown").exists()
    disk.together, disk.syncs = None, 0

    async def read(node: Node, log: PartitionLog) -> None:
        assert values_from(log, 0) == [b"v"]

    on_a_node(tmp_path, read, disk)
    assert disk.syncs == 0
    assert (tmp_path / ".kafka_cleanshutdown").exists()


def test_who_waits_for_a_deleted_topic_is_told(tmp_path: Path) -> None:
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        disk.may_sync.clear()
        append(log, b"v")
        waiting = node.partitions.durable(log)
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        await node.partitions.change_topics([topic], TopicChanges.delete)
        disk.may_sync.set()
        with pytest.raises(ApiError):
            await waiting

    on_a_node(tmp_path, story, disk)


def test_a_checkpoint_of_a_deleted_topic_leaves_nothing_in_one_made_again(tmp_path: Path) -> None:
    async def story(node: Node, log: PartitionLog) -> None:
        log.append(idempotent(7, 0, [b"old"]), now_ms=0)
        job = log.begin_sync(checkpoint=True)
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        await node.partitions.change_topics([topic], TopicChanges.delete)
        again = node.partitions.log(node.partitions.create_topic("t", 1), 0)
        await asyncio.to_thread(job.run)
        log.end_sync(job)
        assert not list(again.directory.glob("*.snapshot*"))

    on_a_node(tmp_path, story)


def test_the_mode_os_syncs_ended_segments_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a start after a crash reads the last segments, not all of the log."""
    monkeypatch.setattr(flusher, "CHECKPOINT_SECONDS", 0.01)
    disk = Disk()

    async def story(node: Node, log: PartitionLog) -> None:
        append(log, b"first" + b"." * 100)
        await node.partitions.durable(log)
        await asyncio.sleep(0.05)  # some checkpoints: the one thing to see is that nothing happens
        assert (disk.syncs, log.recovery_point) == (0, 0)
        while len(log.segments) == 1:
            append(log, b"next" + b"." * 100)
        while log.recovery_point < log.next_offset:  # noqa: ASYNC110 - nobody asks for a checkpoint: it has no future
            await asyncio.sleep(0.01)
        assert disk.syncs > 0

    on_a_node(tmp_path, story, disk, flush="os", segment_bytes=300)

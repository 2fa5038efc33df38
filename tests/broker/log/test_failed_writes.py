"""What a failing system call costs a log: its partition when nobody can know what the disk has, else one answer."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.batch import Buffer
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import ENDED, PartitionLog
from logpost_broker.node import Node
from tests.broker.log.logs import append, idempotent, open_log, sync, values_from
from tests.support.system import RealSystem

PASSING = [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM]
LASTING = [errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE, errno.EUCLEAN]


class Calls(RealSystem):
    """System calls, of which those of one name fail."""

    def __init__(self) -> None:
        self.failing = ""
        self.error = 0

    def _call(self, name: str) -> None:
        if name == self.failing:
            raise OSError(self.error, os.strerror(self.error))

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int, /) -> int:
        self._call("pwritev")
        return super().pwritev(fd, buffers, offset)

    def open(self, path: Path, flags: int, mode: int = 0o777, /) -> int:
        self._call("open")
        return super().open(path, flags, mode)

    def dup(self, fd: int, /) -> int:
        self._call("dup")
        return super().dup(fd)

    def pread(self, fd: int, size: int, offset: int, /) -> bytes:
        self._call("pread")
        return super().pread(fd, size, offset)

    def fail(self, name: str, error: int) -> None:
        self.failing, self.error = name, error


@pytest.fixture
def calls() -> Calls:
    return Calls()


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(ApiError) as raised:
        call()
    assert raised.value.code is ErrorCode.kafka_storage_error


def watched(log: PartitionLog) -> list[int]:
    seen: list[int] = []
    log.watchers.add(seen.append)
    return seen


@pytest.mark.parametrize("error", PASSING)
def test_a_write_that_fails_for_want_of_something_is_tried_again(tmp_path: Path, calls: Calls, error: int) -> None:
    log = open_log(tmp_path, system=calls)
    log.append(idempotent(7, 0, [b"first"]), now_ms=0)
    calls.fail("pwritev", error)
    refused(lambda: log.append(idempotent(7, 1, [b"second"]), now_ms=0))
    assert log.offline is None
    calls.failing = ""
    assert log.append(idempotent(7, 1, [b"second"]), now_ms=0).base_offset == 1


@pytest.mark.parametrize("error", LASTING)
def test_a_write_that_fails_otherwise_takes_the_partition_offline(
    tmp_path: Path, calls: Calls, error: int, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(tmp_path, system=calls)
    append(log, b"first")
    sync(log)
    seen = watched(log)
    calls.fail("pwritev", error)
    refused(lambda: append(log, b"second"))
    calls.failing = ""
    assert "is offline: it could not be written" in caplog.text
    assert seen == [ENDED], "who waits for records is told"
    refused(lambda: append(log, b"third"))
    refused(lambda: log.read(0, 1000))
    log.close()
    again = open_log(tmp_path, system=calls)
    assert (values_from(again, 0), again.next_offset) == ([b"first"], 1)


@pytest.mark.parametrize(("error", "is_offline"), [(errno.EIO, True), (errno.ENOSPC, False), (errno.EMFILE, False)])
def test_the_next_segment_that_cannot_be_made_is_a_failed_write(
    tmp_path: Path, calls: Calls, error: int, is_offline: bool
) -> None:
    log = open_log(tmp_path, segment_bytes=200, system=calls)
    append(log, b"." * 150)
    calls.fail("open", error)
    refused(lambda: append(log, b"." * 150))
    calls.failing = ""
    assert (log.offline is not None) is is_offline
    if not is_offline:
        assert append(log, b"." * 150) == 1


def test_a_place_that_cannot_be_read_costs_its_readers_only(tmp_path: Path, calls: Calls) -> None:
    log = open_log(tmp_path, system=calls)
    append(log, b"first")
    sync(log)
    calls.fail("pread", errno.EIO)
    refused(lambda: log.read(0, 1000))
    calls.failing = ""
    assert log.offline is None
    assert append(log, b"second") == 1
    sync(log)
    assert values_from(log, 0) == [b"first", b"second"]


def on_a_node(directory: Path, calls: Calls, story: Callable[[Node, Sequence[PartitionLog]], object]) -> None:
    async def tell() -> None:
        files = Files(system=calls)
        node = Node(BrokerConfig(port=0, metrics_port=0), directory, host="localhost", port=1, files=files)
        node.open()
        await node.start()
        topic = node.partitions.topics.by_name("t") or node.partitions.create_topic("t", 2)
        result = story(node, [node.partitions.log(topic, 0), node.partitions.log(topic, 1)])
        if asyncio.iscoroutine(result):
            await result
        await node.stop()

    asyncio.run(tell())


def test_an_offline_partition_leaves_the_others_alone_and_comes_back_with_the_next_start(
    tmp_path: Path, calls: Calls
) -> None:
    async def story(node: Node, logs: Sequence[PartitionLog]) -> None:
        broken, well = logs
        for log in logs:
            append(log, b"before")
            await node.partitions.durable(log)
        calls.fail("pwritev", errno.EIO)
        refused(lambda: append(broken, b"lost"))
        calls.failing = ""
        append(well, b"after")
        await node.partitions.durable(well)
        with pytest.raises(ApiError):
            await node.partitions.durable(broken)

    async def later(node: Node, logs: Sequence[PartitionLog]) -> None:
        assert [values_from(log, 0) for log in logs] == [[b"before"], [b"before", b"after"]]
        append(logs[0], b"again")
        await node.partitions.durable(logs[0])

    on_a_node(tmp_path, calls, story)
    assert not (tmp_path / ".kafka_cleanshutdown").exists(), "the next start checks what the disk has"
    on_a_node(tmp_path, calls, later)


def test_who_waits_for_a_sync_is_told_when_a_write_fails_meanwhile(tmp_path: Path, calls: Calls) -> None:
    async def story(node: Node, logs: Sequence[PartitionLog]) -> None:
        log = logs[0]
        append(log, b"first")
        first = node.partitions.durable(log)
        append(log, b"second")
        second = node.partitions.durable(log)
        calls.fail("pwritev", errno.EIO)
        refused(lambda: append(log, b"third"))
        calls.failing = ""
        _, waiting = await asyncio.wait([first, second], timeout=60)
        assert not waiting
        assert isinstance(second.exception(), ApiError)

    on_a_node(tmp_path, calls, story)


def test_a_checkpoint_that_cannot_be_written_takes_the_partition_offline(tmp_path: Path, calls: Calls) -> None:
    async def story(node: Node, logs: Sequence[PartitionLog]) -> None:
        log = logs[0]
        append(log, b"first")
        calls.fail("dup", errno.EIO)
        with pytest.raises(ApiError):
            await node.partitions.durable(log)
        calls.failing = ""
        assert log.offline == "it could not be written: Input/output error"

    on_a_node(tmp_path, calls, story)


@pytest.mark.parametrize("call", ["open", "dup"])
@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_sync_without_descriptors_is_tried_again(tmp_path: Path, calls: Calls, error: int, call: str) -> None:
    """The first one of a log also opens its directory and the one above."""

    async def story(node: Node, logs: Sequence[PartitionLog]) -> None:
        log = logs[0]
        append(log, b"first")
        calls.fail(call, error)
        with pytest.raises(ApiError):
            await node.partitions.durable(log)
        calls.failing = ""
        assert (log.offline, log.is_synced) == (None, False)
        append(log, b"second")
        await node.partitions.durable(log)
        assert (values_from(log, 0), log.is_synced) == ([b"first", b"second"], True)

    on_a_node(tmp_path, calls, story)

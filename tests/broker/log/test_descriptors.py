"""More files than a process may have open."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost_broker.log.descriptors import Descriptors
from logpost_broker.log.files import File, Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node
from tests.broker.log.logs import append, values_from

LIMIT = 3
PARTITIONS = 400
SPARE_DESCRIPTORS = 200
"""Far fewer than the 1,200 files of so many partitions, beside what this process has open."""
WRITTEN_AT_ONCE = 40
"""What is not synced stays open."""


def opened(files: Files, path: Path) -> File:
    file = files.open(path)
    file.share(files.descriptors)
    return file


def open_paths() -> list[str]:
    return [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]


def is_open(file: File) -> bool:
    return f"{file.path}" in open_paths()


@pytest.fixture
def files() -> Files:
    return Files(Descriptors(LIMIT))


def test_the_least_recently_used_is_closed_and_opened_again(files: Files, tmp_path: Path) -> None:
    shared = [opened(files, tmp_path / f"{number}") for number in range(LIMIT)]
    for file in shared:
        file.append(b"content of %s" % file.path.name.encode())
        file.sync()
    shared[0].read(0, 1)
    opened(files, tmp_path / "one more")
    assert [is_open(file) for file in shared] == [True, False, True]
    assert shared[1].read(0, 100) == b"content of 1"
    shared[1].append(b", more")
    assert shared[1].read(0, 100) == b"content of 1, more"
    assert len(files.descriptors) == LIMIT


def test_unsynced_bytes_keep_a_file_open_until_they_are_synced(files: Files, tmp_path: Path) -> None:
    first = opened(files, tmp_path / "first")
    first.append(b"unsynced")
    duplicate = first.duplicate()
    first.append(b"behind what is synced next")
    for number in range(2 * LIMIT):
        opened(files, tmp_path / f"{number}")
    assert is_open(first)
    duplicate.sync()
    assert first.must_stay_open, "for what came after"
    first.duplicate().sync()
    assert not first.must_stay_open


def test_bytes_that_replace_synced_ones_are_unsynced(files: Files, tmp_path: Path) -> None:
    file = opened(files, tmp_path / "file")
    file.append(b"synced")
    file.sync()
    file.truncate(0)
    file.append(b"new")
    assert file.must_stay_open


def test_a_closed_file_stays_closed(files: Files, tmp_path: Path) -> None:
    """Another may be there under its name."""
    file = opened(files, tmp_path / "file")
    file.close()
    with pytest.raises(OSError, match="closed"):
        file.read(0, 1)
    assert len(files.descriptors) == 0


def test_a_broker_has_more_partitions_than_descriptors(tmp_path: Path) -> None:
    """In a process of its own: nobody else opens something there."""
    process = multiprocessing.get_context("spawn").Process(target=live_with_few, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0


def live_with_few(directory: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(open_paths()) + SPARE_DESCRIPTORS, most))
    files = Files(Descriptors(SPARE_DESCRIPTORS // 4))
    asyncio.run(write_and_read(directory, files, range(1)))
    asyncio.run(write_and_read(directory, files, range(2)))


def batched(logs: Sequence[PartitionLog], size: int) -> Iterator[Sequence[PartitionLog]]:
    return (logs[start : start + size] for start in range(0, len(logs), size))


async def write_and_read(directory: Path, files: Files, lives: range) -> None:
    node = Node(BrokerConfig(port=0, metrics_port=0), directory, host="localhost", port=1, files=files)
    node.open()
    await node.start()
    topic = node.partitions.topics.by_name("t") or node.partitions.create_topic("t", PARTITIONS)
    logs = [node.partitions.log(topic, number) for number in range(PARTITIONS)]
    for at_once in batched(logs, WRITTEN_AT_ONCE):
        for log in at_once:
            append(log, b"life %d" % lives[-1])
        await asyncio.gather(*map(node.partitions.durable, at_once))
    for log in logs:
        assert values_from(log, 0) == [b"life %d" % life for life in lives]
    await node.stop()

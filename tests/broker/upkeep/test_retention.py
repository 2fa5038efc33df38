"""Retention on a running node: what goes, what stays, and what a failing disk makes of it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost_broker.groups.offsets.events import OffsetCommitted
from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.disk_reserve import DiskSpace
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.checkpoints import LOG_STARTS, parsed_checkpoint
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.node import Node
from tests.broker.log.logs import changed

HOUR_MS = 3_600_000
SEGMENT_BYTES = 400
"""One batch of `fill` each."""
NEVER = 86_400.0


class House:
    """A node with retention, and what a test does to it."""

    def __init__(self, directory: Path, files: Files, **settings: object) -> None:
        config = BrokerConfig(
            **{"port": 0, "metrics_port": 0, "segment_bytes": SEGMENT_BYTES, "retention_check_seconds": NEVER}
            | settings  # type: ignore[arg-type]  # settings by name
        )
        self.directory = directory
        self.node = Node(config, directory, host="localhost", port=1, files=files)
        self.node.open()
        self.retention = self.node.retention

    def log(self, name: str = "t", partition: int = 0, **configs: str) -> PartitionLog:
        topic = self.node.partitions.topics.by_name(name) or self.node.partitions.create_topic(
            name, 2, {key.replace("_", "."): value for key, value in configs.items()}
        )
        return self.node.partitions.log(topic, partition)

    async def fill(self, log: PartitionLog, *ages_ms: int, synced: bool = True) -> None:
        """One segment for each age."""
        for age_ms in ages_ms:
            batch = build_batch([(None, b"." * 300)], self.node.partitions.now_ms() - age_ms)
            log.append(batch, now_ms=self.node.partitions.now_ms())
        if synced:
            await self.node.partitions.durable(log)

    async def check(self) -> None:
        await self.retention.check()

    def has_directory(self, name: str) -> bool:
        return (self.directory / name).exists()

    def files(self, log: PartitionLog) -> list[str]:
        return sorted(path.name for path in log.directory.iterdir() if path.name != "partition.metadata")


Story = Callable[[House], Awaitable[None]]


def tell(directory: Path, story: Story, *, files: Files | None = None, crash: bool = False, **settings: object) -> None:
    async def run() -> None:
        house = House(directory, files or Files(), **settings)
        await house.node.start()
        await story(house)
        if crash:
            await house.retention.stop()
        else:
            await house.node.stop()

    asyncio.run(run())


def starts_on_disk(directory: Path) -> dict[tuple[str, int], int]:
    return parsed_checkpoint((directory / LOG_STARTS).read_bytes())


def test_segments_that_are_too_old_go_with_their_files(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 2 * HOUR_MS, 0, 0)
        await house.check()
        assert (log.log_start_offset, starts_on_disk(tmp_path)) == (2, {("t", 0): 2})
        await house.retention.stop()
        stems = {name.partition(".")[0] for name in house.files(log)}
        assert stems == {f"{base:020d}" for base in (2, 3)}

    tell(tmp_path, story)


@pytest.mark.parametrize("crash", [False, True])
def test_an_idle_partition_becomes_empty_and_goes_on_at_its_offset(tmp_path: Path, crash: bool) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 3 * HOUR_MS, 2 * HOUR_MS)
        await house.check()
        assert (log.log_start_offset, log.next_offset, log.size_bytes) == (2, 2, 0)

    async def later(house: House) -> None:
        log = house.log()
        assert (log.log_start_offset, log.high_watermark, log.size_bytes) == (2, 2, 0)
        await house.check()
        assert [segment.base_offset for segment in log.segments] == [2], "an empty segment is not made again"
        await house.fill(log, 0)
        assert log.next_offset == 3

    tell(tmp_path, story, crash=crash)
    tell(tmp_path, later)


def test_what_is_more_than_the_size_goes(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_bytes="800")
        await house.fill(log, 0, 0, 0, 0)
        assert log.size_bytes > 4 * 300
        await house.check()
        assert log.log_start_offset == 1
        assert 800 <= log.size_bytes < 800 + SEGMENT_BYTES

    tell(tmp_path, story)


def test_topics_without_their_own_limit_have_the_brokers(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        usual, forever, longer = (
            house.log("usual"),
            house.log("forever", retention_ms="-1"),
            house.log("longer", retention_ms=str(3 * HOUR_MS)),
        )
        for log in (usual, forever, longer):
            await house.fill(log, 2 * HOUR_MS, 0)
        await house.check()
        assert [log.log_start_offset for log in (usual, forever, longer)] == [1, 0, 0]

    tell(tmp_path, story, retention_ms=HOUR_MS)


def test_compacted_topics_and_the_brokers_own_keep_what_is_old(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        compacted = house.log("compacted", cleanup_policy="compact")
        both = house.log("both", cleanup_policy="compact,delete")
        house.node.partitions.create_topic("__consumer_offsets", 1, internal=True)
        own = house.log("__consumer_offsets")
        for log in (compacted, both, own):
            await house.fill(log, 2 * HOUR_MS, 0)
        await house.check()
        assert [log.log_start_offset for log in (compacted, both, own)] == [0, 1, 0]

    tell(tmp_path, story, retention_ms=HOUR_MS)


def test_what_is_not_yet_visible_stays(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS)
        await house.fill(log, 2 * HOUR_MS, 2 * HOUR_MS, synced=False)
        await house.check()
        assert (log.log_start_offset, log.high_watermark, log.next_offset) == (1, 1, 3)

    tell(tmp_path, story)


def test_a_log_that_nobody_opened_since_the_start_is_looked_at(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.fill(house.log(retention_ms=str(HOUR_MS)), 2 * HOUR_MS, 0)
        await house.fill(house.log(partition=1), 0, 0)

    async def later(house: House) -> None:
        await house.check()
        assert starts_on_disk(tmp_path) == {("t", 0): 1}
        assert [log.directory.name for log in house.node.partitions.logs] == ["t-0"], (
            "who has nothing to lose stays closed"
        )

    tell(tmp_path, story)
    tell(tmp_path, later)


def test_records_without_a_timestamp_go_by_the_time_of_their_file(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        for _ in range(2):
            batch = changed(build_batch([(None, b"." * 300)], 0), base_timestamp=-1, max_timestamp=NO_TIMESTAMP)
            log.append(batch, now_ms=house.node.partitions.now_ms())
        await house.node.partitions.durable(log)
        await house.check()
        assert log.log_start_offset == 0
        old = house.node.partitions.now_ms() / 1000 - 7200
        os.utime(log.directory / f"{0:020d}.log", (old, old))
        await house.check()
        assert log.log_start_offset == 1

    tell(tmp_path, story)


def test_a_timestamp_in_the_future_keeps_its_segment_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, -HOUR_MS, 2 * HOUR_MS, 0)
        await house.check()
        await house.check()
        assert log.log_start_offset == 0

    tell(tmp_path, story)
    assert caplog.text.count("has a record of the future") == 1


def test_snapshots_from_before_the_log_go_too(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        for _ in range(2):
            await house.fill(log, 2 * HOUR_MS)
            job = log.begin_sync(checkpoint=True, now_ms=house.node.partitions.now_ms())
            job.run()
            log.end_sync(job)
        await house.fill(log, 2 * HOUR_MS, 0)
        await house.check()
        await house.retention.stop()
        assert not [name for name in house.files(log) if name.endswith(".snapshot")]
        assert log.log_start_offset == 3

    tell(tmp_path, story)


class SlowDisk(Files):
    """Removing a file waits until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_remove = threading.Event()

    def unlink(self, path: Path) -> None:
        if path.name.endswith(".deleted"):
            assert self.may_remove.wait(60)
        super().unlink(path)


def test_the_loop_goes_on_while_files_are_removed_and_the_stop_waits_for_them(tmp_path: Path) -> None:
    disk = SlowDisk()

    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 0)
        await house.check()
        assert log.log_start_offset == 1
        await house.fill(log, 0)
        assert f"{0:020d}.log.deleted" in house.files(log)
        asyncio.get_running_loop().call_later(0.05, disk.may_remove.set)

    tell(tmp_path, story, files=disk)
    assert not list(tmp_path.glob("*/*.deleted"))


class Broken(Files):
    """Fails what concerns a path with a certain name."""

    name = ""
    error = errno.EIO

    def _fail(self, path: Path) -> None:
        # By whole names: the directory of pytest's first run, `pytest-0`, has that of a partition in it.
        names = (path.name.removesuffix(".tmp"), path.parent.name)
        if self.name and self.name in names:
            raise OSError(self.error, os.strerror(self.error))

    def names(self, directory: Path) -> list[str]:
        self._fail(directory)
        return super().names(directory)

    def rename(self, path: Path, to: Path) -> None:
        self._fail(path)
        super().rename(path, to)


def test_a_partition_that_cannot_be_opened_keeps_no_other_from_its_retention(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Broken()

    async def story(house: House) -> None:
        for partition in (0, 1):
            await house.fill(house.log(partition=partition, retention_ms=str(HOUR_MS)), 2 * HOUR_MS, 0)

    async def later(house: House) -> None:
        disk.name = "t-0"
        await house.check()
        assert starts_on_disk(tmp_path) == {("t", 1): 1}
        disk.name = ""

    tell(tmp_path, story)
    tell(tmp_path, later, files=disk)
    assert "retention cannot look at t-0" in caplog.text


def test_starts_that_cannot_be_saved_move_nothing_until_they_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Broken()

    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 0)
        disk.name, disk.error = LOG_STARTS, errno.ENOSPC
        while "nothing was deleted by retention" not in caplog.text:  # noqa: ASYNC110  # nobody is told of a round
            await asyncio.sleep(0.01)
        assert (log.log_start_offset, len(log.segments)) == (0, 2)
        disk.name = ""
        while log.log_start_offset == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    tell(tmp_path, story, files=disk, retention_check_seconds=0.02)


def test_files_that_cannot_be_renamed_are_removed_by_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Broken()

    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 0)
        disk.name = f"{0:020d}.index"
        await house.check()
        assert (log.log_start_offset, len(log.segments)) == (1, 1)
        disk.name = ""
        await house.fill(log, 0)

    async def later(house: House) -> None:
        log = house.log()
        assert {name.partition(".")[0] for name in house.files(log)} >= {f"{1:020d}"}
        assert f"{0:020d}.log" not in house.files(log)
        assert log.next_offset == 3

    tell(tmp_path, story, files=disk)
    assert "cannot rename the files of" in caplog.text
    tell(tmp_path, later)


def test_a_topic_that_goes_amid_a_round_is_not_made_again(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        for name in ("a", "b"):
            await house.fill(house.log(name, retention_ms=str(HOUR_MS)), 2 * HOUR_MS, 0)
        topic = house.node.partitions.topics.by_name("b")
        assert topic is not None
        round_ = asyncio.ensure_future(house.check())
        await asyncio.sleep(0)
        await house.node.partitions.change_topics([topic], TopicChanges.delete)
        await round_
        assert starts_on_disk(tmp_path) == {("a", 0): 1}
        assert not house.has_directory("b-0")

    tell(tmp_path, story)


def test_starts_of_a_deleted_topic_do_not_hold_for_one_made_again(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log()
        await house.fill(log, 0, 0)
        topic = house.node.partitions.topics.by_name("t")
        assert topic is not None
        moving = asyncio.ensure_future(house.retention.move_starts({log: 1}))
        await asyncio.sleep(0)
        await house.node.partitions.change_topics([topic], TopicChanges.delete)
        again = house.log()
        await moving
        house.node.partitions.logs.save_starts({log: 1})  # as a thread that comes late
        assert (again.log_start_offset, again.next_offset) == (0, 0)
        await house.fill(again, 0)

    async def later(house: House) -> None:
        assert (house.log().log_start_offset, house.log().next_offset) == (0, 1)

    tell(tmp_path, story, crash=True)
    tell(tmp_path, later)


def test_the_log_says_what_went_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS), retention_bytes="1000")
        await house.fill(log, 0, 2 * HOUR_MS, 0, 0)
        await house.check()

    tell(tmp_path, story)
    assert "t-0 starts at offset 2 now: 1 segments" in caplog.text


class Filling(Files):
    """A disk of which a share is free."""

    share = 0.5

    def space(self, directory: Path) -> DiskSpace:
        return DiskSpace(free_bytes=int(self.share * 10**12), total_bytes=10**12)


def commit(house: House, topic: str, partition: int, offset: int, group: str = "logpost-indexer") -> None:
    house.node.groups.core.apply(
        OffsetCommitted(
            group_id=group,
            topic=topic,
            partition=partition,
            offset=offset,
            leader_epoch=-1,
            metadata="",
            commit_timestamp_ms=house.node.partitions.now_ms(),
        )
    )


def test_what_the_indexer_has_not_committed_stays_while_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Filling()

    async def story(house: House) -> None:
        read, unread = house.log(retention_ms=str(HOUR_MS)), house.log("t", 1)
        other = house.log("other", retention_ms=str(HOUR_MS))
        for log in (read, unread, other):
            await house.fill(log, *[2 * HOUR_MS] * 3, 0)
        commit(house, "t", 0, 2)
        commit(house, "t", 0, 3, group="else")
        for _ in range(2):
            await house.check()
            assert [log.log_start_offset for log in (read, unread, other)] == [2, 0, 3]
        assert caplog.text.count("past its limits and kept") == 2
        commit(house, "t", 0, 3)
        await house.check()
        assert [log.log_start_offset for log in (read, unread)] == [3, 0]
        disk.share = 0.09
        await house.check()
        assert unread.log_start_offset == 3

    tell(tmp_path, story, files=disk)


def test_nobody_is_waited_for_where_no_group_is_named(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 0)
        commit(house, "t", 0, 0)
        await house.check()
        assert log.log_start_offset == 1

    tell(tmp_path, story, retention_groups="")


def test_of_several_groups_the_slowest_is_waited_for(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        log = house.log(retention_ms=str(HOUR_MS))
        await house.fill(log, 2 * HOUR_MS, 2 * HOUR_MS, 0)
        commit(house, "t", 0, 2, group="a")
        commit(house, "t", 0, 1, group="b")
        await house.check()
        assert log.log_start_offset == 1

    tell(tmp_path, story, retention_groups="a, b,never-seen")

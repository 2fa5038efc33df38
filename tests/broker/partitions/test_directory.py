"""The data directory over restarts: what is kept, removed and set aside."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.topics import NewTopic, ProducerIds, Topic, TopicRegistry
from logpost_broker.partitions.directory import LogDirectory
from tests.broker.log.logs import NOW_MS, append, sync, values_from

CONFIG = BrokerConfig(segment_bytes=2000)


class Data:
    """A data directory, opened."""

    def __init__(self, directory: Path, files: Files) -> None:
        self.metadata = MetadataFile(directory, files)
        self.topics = TopicRegistry(self.metadata)
        self.logs = LogDirectory(directory, files, CONFIG, self.metadata)
        self.logs.open(self.topics, NOW_MS)
        self.producer_ids = ProducerIds(self.metadata)

    def topic(self) -> Topic:
        return self.topics.by_name("t") or self.topics.create(NewTopic("t", 2))


def delete(data: Data, topic: Topic) -> None:
    """As far as the metadata go."""
    changes = data.topics.changes()
    changes.delete(topic)
    changes.save()
    changes.take_effect()


def remove(data: Data, topic: Topic) -> list[PartitionLog]:
    closed = data.logs.close_topic(topic)
    data.logs.directories.mark_deleted([topic])
    return closed


@contextmanager
def opened(directory: Path, *, crash: bool = False, files: Files | None = None) -> Iterator[Data]:
    data = Data(directory, files or Files())
    yield data
    if crash:
        for log in data.logs:
            log.close()
    else:
        data.logs.close(NOW_MS)


@pytest.mark.parametrize("crash", [False, True])
def test_topics_records_and_starts_outlive_a_restart(tmp_path: Path, crash: bool) -> None:
    with opened(tmp_path, crash=crash) as data:
        log = data.logs.get(data.topic(), 1)
        for number in range(9):
            append(log, b"%d" % number + b"." * 500)
        sync(log)
        data.logs.truncate_prefix(log, 5)
        topic = data.topic()
    assert (tmp_path / CLEAN_SHUTDOWN).exists() is not crash
    with opened(tmp_path) as data:
        assert not (tmp_path / CLEAN_SHUTDOWN).exists()
        assert data.topic() == topic
        log = data.logs.get(topic, 1)
        assert (log.log_start_offset, log.next_offset, log.high_watermark) == (5, 9, 9)
        assert [value[:1] for value in values_from(log, 5, 1) if value] == [b"5"]
        assert log.segments[0].base_offset > 0


def test_the_leader_epoch_rises_after_a_crash_only(tmp_path: Path) -> None:
    epochs = []
    for crash in (False, True, True, False, False):
        with opened(tmp_path, crash=crash) as data:
            epochs.append(data.logs.leader_epoch)
            append(data.logs.get(data.topic(), 0), b"v")
    assert epochs == [0, 0, 1, 2, 2]


def test_a_topic_made_again_does_not_get_the_old_records(tmp_path: Path) -> None:
    with opened(tmp_path) as data:
        append(data.logs.get(data.topic(), 0), b"old")
        topic = data.topic()
        delete(data, topic)
        assert [log.offline for log in remove(data, topic)] == ["its topic was deleted"]
        data.logs.directories.remove_deleted()
        assert data.logs.get(data.topic(), 0).next_offset == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["t-0"]


@pytest.mark.parametrize("renamed", [0, 1, 2])
@pytest.mark.parametrize("is_made_again", [False, True])
def test_what_a_deletion_leaves_that_was_killed_halfway_is_removed(
    tmp_path: Path, renamed: int, is_made_again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path, crash=True) as data:
        topic = data.topic()
        for partition in range(2):
            append(data.logs.get(topic, partition), b"old")
        delete(data, topic)
        for partition in range(renamed):
            (tmp_path / f"t-{partition}").rename(tmp_path / f"{topic.id.hex}-{partition}-delete")
        if is_made_again:
            data.topic()
    with opened(tmp_path) as data:
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
        assert data.logs.get(data.topic(), 0).next_offset == 0
        assert data.metadata.deleted_topics == ()
    assert "set aside" not in caplog.text


def test_a_directory_that_could_not_be_renamed_is_removed_by_the_next_start(tmp_path: Path) -> None:
    files = StuckDirectories()
    with opened(tmp_path, files=files) as data:
        append(data.logs.get(data.topic(), 0), b"old")
        topic = data.topic()
        delete(data, topic)
        files.stuck = "t-0"
        remove(data, topic)
        assert (tmp_path / "t-0").exists()
    with opened(tmp_path):
        assert not (tmp_path / "t-0").exists()


def test_a_deletion_that_is_over_leaves_nothing_in_the_metadata(tmp_path: Path) -> None:
    """An older release knows no list of deleted topics."""
    with opened(tmp_path) as data:
        topic = data.topic()
        delete(data, topic)
        assert "deleted_topics" in (tmp_path / "metadata.json").read_text()
        remove(data, topic)
        data.metadata.settle()
        assert "deleted_topics" not in (tmp_path / "metadata.json").read_text()


def lose_topics(directory: Path) -> None:
    """As where the metadata file is restored from an old copy."""
    (directory / "metadata.json").write_text('{"version":1,"cluster_id":"x"}')


def test_a_directory_that_no_topic_explains_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path, crash=True) as data:
        append(data.logs.get(data.topic(), 0), b"old")
    lose_topics(tmp_path)
    with opened(tmp_path) as data:
        assert data.logs.get(data.topic(), 0).next_offset == 0
    [stray] = tmp_path.glob("t-0.*-stray")
    assert (stray / "00000000000000000000.log").stat().st_size > 0
    assert "belongs to no topic" in caplog.text


@pytest.mark.parametrize("directories_go_first", [False, True])
def test_checkpoints_of_a_deleted_topic_do_not_hold_for_one_made_again(
    tmp_path: Path, directories_go_first: bool
) -> None:
    with opened(tmp_path) as data:
        log = data.logs.get(data.topic(), 0)
        for _ in range(9):
            append(log, b"." * 500)
        sync(log)
        data.logs.truncate_prefix(log, 5)
    with opened(tmp_path, crash=True) as data:
        topic = data.topic()
        delete(data, topic)
        if directories_go_first:
            remove(data, topic)
            append(data.logs.get(data.topic(), 0), b"first")
    with opened(tmp_path, crash=True) as data:
        log = data.logs.get(data.topic(), 0)
        assert (log.log_start_offset, log.next_offset) == (0, int(directories_go_first))
        append(log, b"next")
    with opened(tmp_path) as data:
        log = data.logs.get(data.topic(), 0)
        assert (log.log_start_offset, log.next_offset) == (0, 1 + directories_go_first)


def test_what_was_being_removed_is_removed(tmp_path: Path) -> None:
    half_removed = tmp_path / f"{uuid.uuid4().hex}-delete"
    half_removed.mkdir()
    (half_removed / "00000000000000000000.log").touch()
    with opened(tmp_path):
        assert not half_removed.exists()


def test_two_removals_at_once_do_not_stumble_over_each_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as data:
        for _ in range(50):
            half_removed = tmp_path / f"{uuid.uuid4().hex}-delete"
            half_removed.mkdir()
            for segment in range(20):
                (half_removed / f"{segment}.log").touch()
        with ThreadPoolExecutor(2) as both:
            for removal in [both.submit(data.logs.directories.remove_deleted) for _ in range(2)]:
                removal.result()
        assert not list(tmp_path.glob("*-delete"))
        assert caplog.text == ""


def test_producer_ids_go_on_after_what_was_reserved(tmp_path: Path) -> None:
    given = []
    for crash in (True, False, True):
        with opened(tmp_path, crash=crash) as data:
            given += [data.producer_ids.take() for _ in range(1500)]
    assert len(set(given)) == 4500


def test_metadata_of_a_future_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"version":2,"cluster_id":"x"}')
    with pytest.raises(StartError, match=r"metadata\.json has version 2"):
        Data(tmp_path, Files())


class StuckDirectories(Files):
    """A file system that cannot rename directories, or write checkpoints."""

    stuck = ""

    def rename(self, path: Path, to: Path) -> None:
        if self.stuck and self.stuck in path.name:
            raise OSError(errno.EIO, "Input/output error")
        super().rename(path, to)


@pytest.mark.parametrize("stuck", ["t-0", "log-start-offset-checkpoint"])
def test_a_topic_whose_files_could_not_be_removed_is_made_again_empty(tmp_path: Path, stuck: str) -> None:
    files = StuckDirectories()
    with opened(tmp_path, crash=True, files=files) as data:
        log = data.logs.get(data.topic(), 0)
        for _ in range(9):
            append(log, b"." * 500)
        sync(log)
        data.logs.truncate_prefix(log, 5)
        topic = data.topic()
        delete(data, topic)
        files.stuck = stuck
        assert remove(data, topic) == [log]
        again = data.topic()
        with pytest.raises(OSError, match="Input/output"):
            data.logs.get(again, 0)
        files.stuck = ""
        assert append(data.logs.get(again, 0), b"new") == 0
    with opened(tmp_path) as data:
        log = data.logs.get(data.topic(), 0)
        assert (log.log_start_offset, values_from(log, 0)) == (0, [b"new"])


def test_a_topic_with_the_longest_name_is_set_aside_too(tmp_path: Path) -> None:
    name = "n" * 249
    with opened(tmp_path, crash=True) as data:
        topic = data.topics.create(NewTopic(name, 1))
        append(data.logs.get(topic, 0), b"old")
    lose_topics(tmp_path)
    with opened(tmp_path):
        assert len(list(tmp_path.glob("*-stray"))) == 1

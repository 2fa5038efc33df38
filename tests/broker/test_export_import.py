"""`logpost broker export` and `import` on directories laid out as Apache Kafka's: what is copied, what is refused.

`tests/interop` puts the real Kafka on them.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost.progress import Progress
from logpost_broker.broker import Broker
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch, records_in
from logpost_broker.metadata.checkpoints import (
    CLEAN_SHUTDOWN,
    LOG_STARTS,
    RECOVERY_POINTS,
    formatted_checkpoint,
    parsed_checkpoint,
    partition_metadata,
)
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.node import Node
from logpost_broker.transfer.errors import TransferError
from logpost_broker.transfer.exporting import Export
from logpost_broker.transfer.importing import Import
from logpost_broker.transfer.kafka_directory import KafkaDirectory
from logpost_broker.verify.directory import Verification
from tests.broker.log.logs import NOW_MS, changed, idempotent
from tests.support.processes import run

CONFIG = BrokerConfig(port=0, metrics_port=0, segment_bytes=2_000)
TOPIC_ID = uuid.UUID("6a1f4c2e-0000-4000-8000-00000000cafe")
RECORDS = 90


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A broker's directory with a topic of two partitions, closed in order."""
    directory = tmp_path / "data" / "broker"
    directory.mkdir(parents=True)
    node = Node(CONFIG, directory, host="localhost", port=0)
    node.open()
    topic = node.partitions.create_topic("t", 2, {"retention.ms": "777"})
    for number in range(RECORDS // 3):
        batch = idempotent(number % 3, number // 3 * 3, [b"%d/%d" % (number, record) * 9 for record in range(3)])
        node.partitions.log(topic, 0).append(batch, now_ms=NOW_MS)
    node.partitions.log(topic, 1)
    node.partitions.logs.close(NOW_MS)
    return directory


@pytest.fixture
def kafka(tmp_path: Path) -> Path:
    """Kafka's directory with the topic, empty; Kafka was stopped in order."""
    directory = tmp_path / "kafka"
    for partition in range(2):
        make_partition(directory, f"t-{partition}", {0: b""})
    (directory / "meta.properties").write_text("version=1\n")
    (directory / CLEAN_SHUTDOWN).write_text('{"version":0}')
    (directory / LOG_STARTS).write_bytes(formatted_checkpoint({("other", 0): 5}))
    (directory / RECOVERY_POINTS).touch()
    return directory


def make_partition(directory: Path, name: str, segments: dict[int, bytes], topic_id: uuid.UUID = TOPIC_ID) -> Path:
    partition = directory / name
    partition.mkdir(parents=True)
    for base, data in segments.items():
        (partition / f"{base:020d}.log").write_bytes(data)
        (partition / f"{base:020d}.index").write_bytes(bytes(10 << 20))
    (partition / "partition.metadata").write_bytes(partition_metadata(topic_id).rstrip())
    return partition


def export(ours: Path, kafka: Path, *topics: str, force: bool = False) -> None:
    with KafkaDirectory(kafka) as held:
        Export(ours, held, force=force, progress=Progress(0, StringIO())).run(topics or ("t",))


def imported(kafka: Path, to: Path, *topics: str, move: bool = False) -> list[str]:
    """What was said."""
    said: list[str] = []
    to.mkdir(parents=True, exist_ok=True)
    with KafkaDirectory(kafka) as held:
        progress = Progress(0, StringIO())
        Import(held, to, move=move, say=said.append, progress=progress).run(topics)
        assert progress.done_bytes == progress.total_bytes
    return said


@contextmanager
def opened(directory: Path) -> Iterator[Node]:
    node = Node(CONFIG, directory, host="localhost", port=0)
    node.open()
    yield node
    node.partitions.logs.close(NOW_MS)


def contents(directory: Path, topic: str = "t", partition: int = 0) -> list[tuple[int, bytes | None]]:
    with opened(directory) as node:
        found = node.partitions.topics.by_name(topic)
        assert found is not None
        log = node.partitions.log(found, partition)
        records = []
        offset = log.log_start_offset
        while offset < log.next_offset:
            read = list(records_in(log.read(offset, 1 << 20)))
            records += [(record.offset, record.value) for record in read if record.offset >= offset]
            offset = read[-1].offset + 1
        return records


def batch(base: int, *values: bytes, **fields: int) -> bytes:
    return changed(build_batch([(b"k", value) for value in values], NOW_MS), base_offset=base, **fields)


def marker(base: int, kind: int) -> bytes:
    """The end of producer 7's transaction."""
    control = build_batch([(bytes([0, 0, 0, kind]), bytes(6))], NOW_MS)
    fields = {"attributes": CONTROL | TRANSACTIONAL, "producer_id": 7, "producer_epoch": 0}
    return changed(control, base_offset=base, **fields)


def state_of(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_topic_goes_to_kafka_and_comes_back_equal(ours: Path, kafka: Path, tmp_path: Path) -> None:
    expected = contents(ours)
    export(ours, kafka)
    back = tmp_path / "back" / "broker"
    imported(kafka, back)
    assert contents(back) == expected
    assert len(expected) == RECORDS
    assert contents(back, partition=1) == []
    with opened(back) as node:
        assert [topic.id for topic in node.partitions.topics] == [TOPIC_ID]
    assert Verification(directory=back, config=CONFIG, deep=True).run().problems == []


def test_kafka_is_left_with_checkpoints_that_fit(ours: Path, kafka: Path) -> None:
    (kafka / LOG_STARTS).write_bytes(formatted_checkpoint({("other", 0): 5, ("t", 0): 1}))
    export(ours, kafka)
    ends = {("t", 0): RECORDS, ("t", 1): 0}
    assert parsed_checkpoint((kafka / RECOVERY_POINTS).read_bytes()) == ends
    assert parsed_checkpoint((kafka / "replication-offset-checkpoint").read_bytes()) == ends
    starts = {("other", 0): 5, ("t", 0): 0, ("t", 1): 0}
    assert parsed_checkpoint((kafka / LOG_STARTS).read_bytes()) == starts
    assert sorted(path.name for path in kafka.iterdir() if path.is_dir()) == ["t-0", "t-1"]


def test_leader_epochs_start_again(ours: Path, kafka: Path) -> None:
    (ours / CLEAN_SHUTDOWN).unlink()
    with opened(ours) as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        node.partitions.log(topic, 0).append(build_batch([(None, b"x")], NOW_MS), now_ms=NOW_MS)
        assert node.partitions.log(topic, 0).leader_epoch > 0
    export(ours, kafka)
    for path in (kafka / "t-0").glob("*.log"):
        data, position = path.read_bytes(), 0
        while position < len(data):
            assert data[position + 12 : position + 16] == bytes(4)
            position += 12 + int.from_bytes(data[position + 8 : position + 12], "big")
    assert (kafka / "t-0" / "leader-epoch-checkpoint").read_text() == "0\n1\n0 0\n"


def test_an_export_that_fails_leaves_kafka_as_it_was(ours: Path, kafka: Path) -> None:
    damaged = sorted((ours / "t-0").glob("*.log"))[1]
    data = bytearray(damaged.read_bytes())
    data[30] ^= 1
    damaged.write_bytes(data)
    before = state_of(kafka)
    with pytest.raises(TransferError, match=rf"{damaged} position 0: the CRC"):
        export(ours, kafka)
    assert state_of(kafka) == before


def test_a_topic_that_kafka_has_not_is_refused_with_the_command_that_makes_it(ours: Path, kafka: Path) -> None:
    (kafka / "t-1").rename(kafka / "u-0")
    with pytest.raises(TransferError, match=r"t has 2 partitions here and 1 in .* delete the topic and make it again"):
        export(ours, kafka)
    (kafka / "t-0").rename(kafka / "u-1")
    command = "--create --topic t --partitions 2 --replication-factor 1 --config retention.ms=777"
    with pytest.raises(TransferError, match=command):
        export(ours, kafka)
    with pytest.raises(TransferError, match="has no topic elsewhere"):
        export(ours, kafka, "elsewhere")


def test_records_that_kafka_has_are_replaced_only_by_force(ours: Path, kafka: Path) -> None:
    (kafka / "t-0" / f"{0:020d}.log").write_bytes(batch(0, b"theirs"))
    before = state_of(kafka)
    with pytest.raises(TransferError, match="--force replaces them"):
        export(ours, kafka)
    assert state_of(kafka) == before
    export(ours, kafka, force=True)
    assert b"theirs" not in (kafka / "t-0" / f"{0:020d}.log").read_bytes()


def test_who_was_not_stopped_in_order_is_refused(ours: Path, kafka: Path, tmp_path: Path) -> None:
    (ours / CLEAN_SHUTDOWN).unlink()
    with pytest.raises(TransferError, match=r"the broker was not stopped in order .* start it once and stop it"):
        export(ours, kafka)
    (kafka / CLEAN_SHUTDOWN).unlink()
    with pytest.raises(TransferError, match=r"Kafka was not stopped in order .* start it"):
        imported(kafka, tmp_path / "new")


def test_a_directory_that_is_not_kafkas_is_refused(ours: Path, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match=r"no log directory of Apache Kafka, it has no meta.properties: give"):
        KafkaDirectory(tmp_path)


def test_a_kafka_that_runs_is_refused(ours: Path, kafka: Path) -> None:
    hold = "import fcntl,sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(kafka / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdout.readline()
        for command in (("export", "t", "--to"), ("import",)):
            refused = run("broker", *command, str(kafka), "--data", str(ours.parent))
            assert refused.returncode == 1
            assert f"Kafka is running on {kafka}: stop it first" in refused.stderr
        holder.stdin.close()


def test_a_broker_that_runs_is_refused(ours: Path, kafka: Path) -> None:
    with Broker(CONFIG, ours):
        for command in (("export", "t", "--to"), ("import",)):
            refused = run("broker", *command, str(kafka), "--data", str(ours.parent))
            assert refused.returncode == 1
            assert "is in use by process" in refused.stderr


def test_epochs_and_producer_ids_of_the_batches_are_never_given_out_again(kafka: Path, tmp_path: Path) -> None:
    data = batch(0, b"a", partition_leader_epoch=41, producer_id=7000, producer_epoch=0, base_sequence=0)
    (kafka / "t-0" / f"{0:020d}.log").write_bytes(data)
    imported(kafka, tmp_path / "new")
    with opened(tmp_path / "new") as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        assert node.partitions.log(topic, 0).leader_epoch > 41
        assert node.partitions.producer_ids.take() > 7000
        log = node.partitions.log(topic, 0)
        duplicate = changed(build_batch([(b"k", b"a")], NOW_MS), producer_id=7000, producer_epoch=0, base_sequence=0)
        assert log.append(duplicate, now_ms=NOW_MS).duplicate


def test_log_starts_and_ends_of_empty_partitions_are_kept(kafka: Path, tmp_path: Path) -> None:
    (kafka / "t-0" / f"{0:020d}.log").rename(kafka / "t-0" / f"{500:020d}.log")
    (kafka / "t-1" / f"{0:020d}.log").write_bytes(batch(0, b"a") + batch(1, b"b") + batch(2, b"c"))
    (kafka / LOG_STARTS).write_bytes(formatted_checkpoint({("t", 1): 2}))
    imported(kafka, tmp_path / "new")
    assert contents(tmp_path / "new", partition=1) == [(2, b"c")]
    with opened(tmp_path / "new") as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        assert (node.partitions.log(topic, 0).log_start_offset, node.partitions.log(topic, 0).next_offset) == (500, 500)


@pytest.mark.parametrize("end", [b"", marker(1, 0)], ids=["open", "aborted"])
def test_uncommitted_transactions_stay_so(kafka: Path, tmp_path: Path, end: bytes) -> None:
    fields = {"attributes": TRANSACTIONAL, "producer_id": 7, "producer_epoch": 0, "base_sequence": 0}
    (kafka / "t-0" / f"{0:020d}.log").write_bytes(batch(0, b"a", **fields) + end)
    imported(kafka, tmp_path / "new")
    assert contents(tmp_path / "new")[0] == (0, b"a")
    with opened(tmp_path / "new") as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        data, aborted = node.partitions.log(topic, 0).read_committed(0, 1 << 20)
        assert [each.first_offset for each in aborted] == ([0] if end else [])
        assert bool(data) == bool(end), "an open transaction is not shown at all"


def test_committed_transactions_are_taken(kafka: Path, tmp_path: Path) -> None:
    fields = {"attributes": TRANSACTIONAL, "producer_id": 7, "producer_epoch": 0, "base_sequence": 0}
    (kafka / "t-0" / f"{0:020d}.log").write_bytes(batch(0, b"a", **fields) + marker(1, 1) + batch(2, b"b"))
    imported(kafka, tmp_path / "new")
    assert [value for _, value in contents(tmp_path / "new")][::2] == [b"a", b"b"]


def test_kafkas_internal_topics_are_skipped_with_a_line(kafka: Path, tmp_path: Path) -> None:
    make_partition(kafka, "__consumer_offsets-0", {0: b""}, uuid.uuid4())
    said = imported(kafka, tmp_path / "new")
    assert any(line.startswith("__consumer_offsets: skipped") for line in said)
    with opened(tmp_path / "new") as node:
        assert [topic.name for topic in node.partitions.topics] == ["t"]


def test_a_damaged_segment_is_named_and_nothing_is_imported(kafka: Path, tmp_path: Path) -> None:
    whole = batch(0, b"a")
    (kafka / "t-1" / f"{0:020d}.log").write_bytes(whole + batch(1, b"b")[:-1])
    with pytest.raises(TransferError, match=rf"t-1/{0:020d}.log position {len(whole)}, where offset 1 is due: the"):
        imported(kafka, tmp_path / "new")
    assert MetadataFile(tmp_path / "new", Files()).content.topics == []
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["metadata.json"]


def test_a_partition_that_lies_elsewhere_is_missed(kafka: Path, tmp_path: Path) -> None:
    (kafka / "t-0").rename(tmp_path / "t-0")
    with pytest.raises(TransferError, match="lacks partition 0 of t"):
        imported(kafka, tmp_path / "new")


def test_what_is_here_is_not_imported_twice(ours: Path, kafka: Path, tmp_path: Path) -> None:
    imported(kafka, tmp_path / "new")
    assert "t: skipped, it was imported before" in imported(kafka, tmp_path / "new")
    with pytest.raises(TransferError, match="a topic t is here already"):
        imported(kafka, ours)


def test_a_topic_with_holes_is_compacted_here_when_its_configuration_is_unknown(kafka: Path, tmp_path: Path) -> None:
    (kafka / "t-0" / f"{0:020d}.log").write_bytes(batch(3, b"a") + batch(9, b"b"))
    said = imported(kafka, tmp_path / "new")
    assert "t: cleanup.policy is set to compact, for offsets are missing in its log" in said
    (tmp_path / "new" / CLEAN_SHUTDOWN).unlink(missing_ok=True)
    assert contents(tmp_path / "new") == [(3, b"a"), (9, b"b")]


def test_moving_takes_the_files_away_when_all_is_here(kafka: Path, tmp_path: Path) -> None:
    log = kafka / "t-0" / f"{0:020d}.log"
    log.write_bytes(batch(0, b"a"))
    inode = log.stat().st_ino
    imported(kafka, tmp_path / "new", move=True)
    assert (tmp_path / "new" / "t-0" / log.name).stat().st_ino == inode
    assert not (kafka / "t-0").exists()
    assert contents(tmp_path / "new") == [(0, b"a")]

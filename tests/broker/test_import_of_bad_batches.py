"""What `logpost broker import` does with batches that no broker of ours would have taken: each is named, with its file
and offset; what cannot stand in a log ends the import, what cannot be read stays as it is."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from logpost_broker.log.batch import CONTROL, TRANSACTIONAL
from logpost_broker.log.compression import GZIP, LZ4, SNAPPY, ZSTD
from logpost_broker.log.files import Files
from logpost_broker.log.limits import MAX_BATCH_RECORDS, MAX_RECORDS_BYTES
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.transfer.errors import TransferError
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, changed
from tests.broker.test_export_import import batch, contents, imported, make_partition, marker, opened
from tests.support.processes import run

LOG = f"{0:020d}.log"
FIRST = batch(0, b"first")


@pytest.fixture
def kafka(tmp_path: Path) -> Path:
    """Kafka's directory, without a topic."""
    directory = tmp_path / "kafka"
    directory.mkdir()
    (directory / "meta.properties").write_text("version=1\n")
    (directory / CLEAN_SHUTDOWN).touch()
    return directory


def bomb(codec: int) -> bytes:
    return changed(batch_of([(b"k", bytes(MAX_RECORDS_BYTES))], codec=codec), base_offset=1)


UNREADABLE = {
    "no zstd": (batch(1, b"v", attributes=ZSTD), "do not decompress"),
    "no lz4": (batch(1, b"v", attributes=LZ4), "do not decompress"),
    "a codec that is none": (batch(1, b"v", attributes=7), "unknown compression codec 7"),
    "a bomb of gzip": (bomb(GZIP), f"more than {MAX_RECORDS_BYTES} bytes"),
    "a bomb of snappy": (bomb(SNAPPY), f"more than {MAX_RECORDS_BYTES} bytes"),
    "fewer records than it says": (batch(1, b"v", record_count=3, last_offset_delta=2), "ends inside a record"),
    "more records than it says": (batch(1, b"v", b"w", record_count=1, last_offset_delta=0), "bytes after its records"),
    "less than none": (batch(1, b"v", record_count=-1), "-1 records"),
    "too many": (batch(1, b"v", record_count=MAX_BATCH_RECORDS + 1), f"{MAX_BATCH_RECORDS + 1} records"),
    "records beyond its end": (batch(1, b"v", b"w", last_offset_delta=0), "has offset delta 1"),
    "a marker without a record": (changed(marker(1, 0), record_count=2, last_offset_delta=1), "ends inside a record"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_records_that_cannot_be_read_are_named_and_kept(kafka: Path, tmp_path: Path, name: str) -> None:
    bad, reason = UNREADABLE[name]
    last = int.from_bytes(bad[23:27], "big")
    data = FIRST + bad + batch(2 + last, b"last")
    make_partition(kafka, "t-0", {0: data})
    said = [line for line in imported(kafka, tmp_path / "new") if "position" in line]
    assert len(said) == 1
    for part in (f"{LOG} position {len(FIRST)}, offset 1:", reason, "kept as is", f"go on at offset {2 + last}"):
        assert part in said[0]
    assert (tmp_path / "new" / "t-0" / LOG).read_bytes() == data
    with opened(tmp_path / "new") as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        log = node.partitions.log(topic, 0)
        assert (log.log_start_offset, log.next_offset) == (0, 3 + last)
        assert log.read(0, len(data)) == data


def test_not_every_one_of_many_has_a_line(kafka: Path, tmp_path: Path) -> None:
    make_partition(kafka, "t-0", {0: b"".join(batch(n, b"v", attributes=7) for n in range(25))})
    said = imported(kafka, tmp_path / "new")
    assert sum("cannot be read and are kept" in line for line in said) == 10
    assert f"{kafka / 't-0'}: 15 more batches cannot be read" in said


MISPLACED = {
    "an offset that comes again": (FIRST, "its offset is 0, below those before it"),
    "an offset below nothing": (batch(-5, b"v"), "its offset is -5"),
    "an offset too far": (batch(2**31, b"v"), "too far from the first"),
    "an offset at the end of all": (batch(2**63 - 1, b"v"), "too far from the first"),
    "an end before its begin": (batch(1, b"v", last_offset_delta=-1), "ends before it begins"),
    "an epoch that no Kafka has": (batch(1, b"v", partition_leader_epoch=2**31 - 1), "leader epoch is 2147483647"),
    "one byte less": (batch(1, b"v")[:-1], "bytes, "),
    "one bit turned": (batch(1, b"v")[:-3] + b"\xf7" + batch(1, b"v")[-2:], "the CRC"),
    "Kafka's older format": (b"\0" * 16 + b"\1" + bytes(80), "message format v1"),
    "text": (b"2026-11-30 12:00:00 INFO this is a file of another kind, of some length\n" * 9, "message format v"),
    "zeros": (bytes(4096), "message format v0"),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_what_cannot_stand_there_ends_the_import(kafka: Path, tmp_path: Path, name: str) -> None:
    bad, reason = MISPLACED[name]
    make_partition(kafka, "t-0", {0: FIRST + bad})
    with pytest.raises(TransferError) as refused:
        imported(kafka, tmp_path / "new")
    assert f"{LOG} position {len(FIRST)}, where offset 1 is due: " in str(refused.value)
    assert reason in str(refused.value)
    assert MetadataFile(tmp_path / "new", Files()).content.topics == []
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["metadata.json"]


@pytest.mark.parametrize("base", [1, 2**63, 10**19])
def test_a_segment_that_cannot_follow_ends_the_import(kafka: Path, tmp_path: Path, base: int) -> None:
    make_partition(kafka, "t-0", {0: FIRST + batch(1, b"v"), base: batch(1, b"v")})
    with pytest.raises(TransferError, match=rf"{base:020d}.log.* no segment can begin at offset {base}"):
        imported(kafka, tmp_path / "new")


def test_empty_files_are_empty_segments(kafka: Path, tmp_path: Path) -> None:
    make_partition(kafka, "t-0", {0: b"", 5: batch(5, b"v"), 6: b""})
    imported(kafka, tmp_path / "new")
    assert contents(tmp_path / "new") == [(5, b"v")]


def test_a_partition_number_that_cannot_be_is_refused(kafka: Path, tmp_path: Path) -> None:
    make_partition(kafka, "t-99999999999999", {0: FIRST})
    with pytest.raises(TransferError, match="t has a partition 99999999999999, and 10000 are the most"):
        imported(kafka, tmp_path / "new")


@pytest.mark.parametrize("suffix", ["swap", "cleaned"])
def test_what_a_crash_of_kafka_left_is_refused(kafka: Path, tmp_path: Path, suffix: str) -> None:
    (make_partition(kafka, "t-0", {0: FIRST}) / f"{LOG}.{suffix}").write_bytes(FIRST)
    with pytest.raises(TransferError, match="is left from a crash of Kafka: start and stop it once"):
        imported(kafka, tmp_path / "new")


def test_ids_of_producers_that_clients_made_up_leave_ids_for_others(kafka: Path, tmp_path: Path) -> None:
    data = batch(0, b"v", producer_id=2**63 - 1, producer_epoch=0, base_sequence=0)
    make_partition(kafka, "t-0", {0: data + batch(1, b"w", producer_id=41, producer_epoch=0, base_sequence=0)})
    imported(kafka, tmp_path / "new")
    with opened(tmp_path / "new") as node:
        assert 41 < node.partitions.producer_ids.take() < 2**62


def of_metadata(value: bytes, **fields: int) -> bytes:
    return changed(build_batch([(None, value)], NOW_MS), **fields)


@pytest.mark.parametrize(
    "bad",
    [
        of_metadata(b""),
        of_metadata(b"\x01\x02\x00\x05abcd"),
        of_metadata(b"\x01\x04\x00\x02\xff\xff\xff\xff\xff"),
        of_metadata(b"\x01\x02\x00\x03\xff\xfe" + bytes(16)),
        of_metadata(b"v", attributes=ZSTD),
        of_metadata(b"v", record_count=5),
    ],
)
@pytest.mark.parametrize("name", [LOG, f"{9:020d}-{1:010d}.checkpoint"])
def test_a_metadata_log_that_makes_no_sense_is_named(kafka: Path, tmp_path: Path, bad: bytes, name: str) -> None:
    make_partition(kafka, "t-0", {0: FIRST})
    (make_partition(kafka, "__cluster_metadata-0", {}, uuid.uuid4()) / name).write_bytes(bad)
    with pytest.raises(
        TransferError, match=rf"{name} makes no sense from offset 0 on .* move __cluster_metadata-0 away"
    ):
        imported(kafka, tmp_path / "new")


def test_other_names_beside_the_metadata_log_are_nothing(kafka: Path, tmp_path: Path) -> None:
    metadata = make_partition(kafka, "__cluster_metadata-0", {0: b""}, uuid.uuid4())
    for name in ("old.log", "x.checkpoint", f"{0:020d}.checkpoint.part"):
        (metadata / name).write_bytes(b"\xff" * 99)
    make_partition(kafka, "t-0", {0: FIRST})
    imported(kafka, tmp_path / "new")
    assert contents(tmp_path / "new") == [(0, b"first")]


@pytest.mark.parametrize("kind", ["a directory", "a link to nothing"])
def test_what_is_no_file_is_an_error_without_a_traceback(kafka: Path, tmp_path: Path, kind: str) -> None:
    partition = make_partition(kafka, "t-0", {0: FIRST})
    bad = partition / f"{7:020d}.log"
    bad.mkdir() if kind == "a directory" else bad.symlink_to(tmp_path / "nowhere")
    refused = run("broker", "import", str(kafka), "--data", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert f"cannot use {bad}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_marker_that_cannot_be_read_ends_its_transaction(kafka: Path, tmp_path: Path) -> None:
    """As for consumers: what is not known to be aborted counts."""
    fields = {"attributes": TRANSACTIONAL, "producer_id": 7, "producer_epoch": 0, "base_sequence": 0}
    bad = changed(marker(1, 0), attributes=CONTROL | TRANSACTIONAL | ZSTD)
    make_partition(kafka, "t-0", {0: batch(0, b"v", **fields) + bad})
    imported(kafka, tmp_path / "new")
    with opened(tmp_path / "new") as node:
        topic = node.partitions.topics.by_name("t")
        assert topic is not None
        log = node.partitions.log(topic, 0)
        assert (log.last_stable_offset, log.open_transactions) == (2, [])

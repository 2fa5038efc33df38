"""`logpost broker verify` names every damage with its place, and sees none where there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from logpost.config import BrokerConfig
from logpost_broker.broker import Broker
from logpost_broker.log.batch import CRC_POSITION, HEADER_BYTES, LENGTH_PREFIX_BYTES, read_header
from logpost_broker.log.compression import ZSTD, compress
from logpost_broker.log.files import Files
from logpost_broker.log.index import OFFSET_ENTRY, TIME_ENTRY
from logpost_broker.log.limits import MAX_RECORDS_BYTES
from logpost_broker.log.records import build_batch, varint
from logpost_broker.log.segment import file_stem
from logpost_broker.metadata.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOG_STARTS,
    RECOVERY_POINTS,
    formatted_checkpoint,
)
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.topics import TopicRegistry
from logpost_broker.node import Node
from logpost_broker.verify.directory import Verification
from logpost_broker.verify.power_cut import cost_of_power_cut
from logpost_broker.verify.report import PROBLEMS_KEPT, Report
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, changed, idempotent
from tests.support.processes import Part, free_port, run

CONFIG = BrokerConfig(port=0, metrics_port=0, segment_bytes=20_000)
BATCHES = 90
RECORDS = 3


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A topic of two partitions, one empty, the other with several segments; closed in order."""
    write(tmp_path / "broker", lambda number: idempotent(number % 3, number // 3 * RECORDS, values(number)))
    return tmp_path / "broker"


def values(number: int) -> list[bytes]:
    return [b"%d/%d " % (number, record) + bytes(250) for record in range(RECORDS)]


def write(directory: Path, batch: Callable[[int], bytes], *, policy: str = "delete") -> None:
    directory.mkdir(exist_ok=True)
    node = Node(CONFIG, directory, host="localhost", port=0)
    node.open()
    topic = node.partitions.topics.by_name("t") or node.partitions.create_topic("t", 2, {"cleanup.policy": policy})
    for partition in range(2):
        node.partitions.log(topic, partition)
    for number in range(BATCHES):
        node.partitions.log(topic, 0).append(changed(batch(number), max_timestamp=NOW_MS + number), now_ms=NOW_MS)
    node.partitions.logs.close(NOW_MS)


def verified(directory: Path, *, deep: bool = False, config: BrokerConfig = CONFIG) -> Report:
    return Verification(directory=directory, config=config, deep=deep).run()


def found(report: Report) -> set[tuple[str, str]]:
    return {(problem.severity, problem.file) for problem in report.problems}


def segments(directory: Path) -> list[Path]:
    return sorted((directory / "t-0").glob("*.log"))


def batches(segment: Path) -> list[tuple[int, bytes]]:
    """Position and bytes of the batches of a whole segment."""
    data, position, parts = segment.read_bytes(), 0, []
    while position < len(data):
        size = read_header(data, position).size_bytes
        parts.append((position, data[position : position + size]))
        position += size
    return parts


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def not_closed_in_order(directory: Path, recovery_point: int = 0) -> None:
    (directory / CLEAN_SHUTDOWN).unlink()
    (directory / RECOVERY_POINTS).write_bytes(formatted_checkpoint({("t", 0): recovery_point}))


def test_a_sound_directory_has_no_problem(directory: Path) -> None:
    report = verified(directory, deep=True)
    assert report.problems == []
    [sums] = report.topics()
    assert (sums.partitions, sums.batches, sums.records) == (2, BATCHES, BATCHES * RECORDS)
    assert sums.segments == len(segments(directory)) + 1 > 4
    assert sums.size_bytes == sum(path.stat().st_size for path in segments(directory))


def test_nothing_is_changed(directory: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.rglob("*") if path.is_file()}
    verified(directory, deep=True)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert {path for path in directory.rglob("*") if path.is_file()} == before.keys()


def test_a_flipped_bit_in_any_batch_is_named_with_its_place_and_the_offsets_that_are_lost(directory: Path) -> None:
    segment = segments(directory)[1]
    for number, (position, batch) in enumerate(batches(segment)):
        for at in (4, LENGTH_PREFIX_BYTES - 4, CRC_POSITION - 1, CRC_POSITION, len(batch) - 1):
            flip(segment, position + at)
            report = verified(directory)
            [problem] = [problem for problem in report.problems if problem.file.endswith(".log")][:1]
            assert (problem.severity, problem.file) == ("error", f"t-0/{segment.name}")
            assert problem.offset is not None
            assert problem.advice
            if at != 4:
                first = int(segment.stem) + number * RECORDS
                assert (problem.position, problem.offset) == (position, first)
                assert f"{len(batch)} bytes cannot be served, offsets {first} to {first + RECORDS - 1}" in problem.what
                assert report.topics()[0].batches == BATCHES - 1, "the batches behind it were not found again"
            flip(segment, position + at)


def test_a_segment_cut_before_the_recovery_point_is_an_error(directory: Path) -> None:
    os.truncate(segments(directory)[-1], segments(directory)[-1].stat().st_size - 1)
    report = verified(directory)
    assert ("error", f"t-0/{segments(directory)[-1].name}") in found(report)
    [gone] = [problem for problem in report.problems if problem.file == "t-0"]
    assert gone.what == f"offsets {BATCHES * RECORDS - 3} to {BATCHES * RECORDS - 1} were on the disk and are gone"


def test_a_torn_tail_behind_the_recovery_point_is_what_a_crash_leaves(directory: Path) -> None:
    os.truncate(segments(directory)[-1], segments(directory)[-1].stat().st_size - 1)
    not_closed_in_order(directory)
    report = verified(directory)
    assert report.total("error") == 0
    assert ("warning", f"t-0/{segments(directory)[-1].name}") in found(report)


def test_a_lost_segment_is_a_gap(directory: Path) -> None:
    lost, following = segments(directory)[1:3]
    for path in lost.parent.glob(f"{lost.stem}.*"):
        path.unlink()
    [problem] = verified(directory).problems
    assert problem.what == f"offsets {int(lost.stem)} to {int(following.stem) - 1} are missing"
    assert problem.offset == int(lost.stem)


def test_a_lost_partition_is_noticed(directory: Path) -> None:
    (directory / "t-0").rename(directory.parent / "t-0")
    [problem] = verified(directory).problems
    assert (problem.severity, problem.file) == ("error", "t-0")
    assert f"below offset {BATCHES * RECORDS}" in problem.what


def test_a_gap_in_a_compacted_topic_is_no_problem(tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    write(directory, lambda number: build_batch([(b"k", b"v")], NOW_MS), policy="compact")
    segment = segments(directory)[0]
    (_, first), *others = batches(segment)
    kept = [batch for number, (_, batch) in enumerate(others) if number != 3]
    segment.write_bytes(first + b"".join(kept))
    for suffix in (".index", ".timeindex"):
        segment.with_suffix(suffix).write_bytes(b"")
    report = verified(directory, deep=True)
    assert report.total("error") == report.total("warning") == 0
    [note] = report.problems
    assert "1 gaps hold 1 offsets" in note.what


def test_a_topic_that_was_compacted_once_keeps_its_gaps(directory: Path) -> None:
    lost = segments(directory)[1]
    for path in lost.parent.glob(f"{lost.stem}.*"):
        path.unlink()
    (directory / CLEANER_OFFSETS).write_bytes(formatted_checkpoint({("t", 0): BATCHES * RECORDS}))
    assert {severity for severity, _ in found(verified(directory))} == {"note"}


def test_offsets_that_come_again_are_an_error(directory: Path) -> None:
    segment = segments(directory)[1]
    position, _ = batches(segment)[2]
    data = bytearray(segment.read_bytes())
    data[position : position + 8] = int(segment.stem).to_bytes(8, "big")
    segment.write_bytes(data)
    problem = next(problem for problem in verified(directory).problems if problem.file.endswith(".log"))
    assert (problem.position, problem.offset) == (position, int(segment.stem))
    assert f"{int(segment.stem) + 2 * RECORDS} was to follow" in problem.what


@pytest.mark.parametrize(
    ("batch", "what"),
    [
        (idempotent(0, 100, values(0)), "producer 0 sent sequence 100 where 90 follows"),
        (idempotent(0, 5, values(0), epoch=1), "producer 0 sent sequence 5 where 0 follows"),
    ],
    ids=["sequence", "epoch"],
)
def test_a_break_in_a_producers_sequence_is_a_warning(directory: Path, batch: bytes, what: str) -> None:
    append_behind_the_brokers_back(directory, batch)
    report = verified(directory)
    assert [problem.what for problem in report.problems if problem.severity == "warning"] == [what]
    assert report.total("error") == 0


def test_a_producer_that_was_silent_for_days_may_start_anywhere(directory: Path) -> None:
    append_behind_the_brokers_back(directory, changed(idempotent(0, 100, values(0)), max_timestamp=NOW_MS + 10**9))
    assert verified(directory).problems == []


def append_behind_the_brokers_back(directory: Path, batch: bytes) -> None:
    base = changed(batch, base_offset=BATCHES * RECORDS)
    with segments(directory)[-1].open("ab") as log:
        log.write(base)


@pytest.mark.parametrize("entry", range(3))
@pytest.mark.parametrize(("suffix", "size"), [("index", OFFSET_ENTRY.size), ("timeindex", TIME_ENTRY.size)])
def test_every_byte_of_an_index_is_checked(directory: Path, suffix: str, size: int, entry: int) -> None:
    index = segments(directory)[1].with_suffix(f".{suffix}")
    for byte in range(size):
        flip(index, entry * size + byte)
        assert found(verified(directory)) == {("error", f"t-0/{index.name}")}, f"byte {byte} of entry {entry}"
        flip(index, entry * size + byte)


def test_what_is_advised_for_a_wrong_index_mends_it(directory: Path) -> None:
    segment = segments(directory)[1]
    flip(segment.with_suffix(".index"), 7)
    [problem] = verified(directory).problems
    assert (
        f"delete {segment.stem}.index and {segment.stem}.timeindex: the next start writes them again" in problem.advice
    )
    segment.with_suffix(".index").unlink()
    segment.with_suffix(".timeindex").unlink()
    assert found(verified(directory)) == {
        ("warning", f"t-0/{segment.stem}{suffix}") for suffix in (".index", ".timeindex")
    }
    node = Node(CONFIG, directory, host="localhost", port=0)
    node.open()
    topic = node.partitions.topics.by_name("t")
    assert topic is not None
    node.partitions.log(topic, 0)
    node.partitions.logs.close(NOW_MS)
    assert verified(directory).problems == []


def test_a_damaged_snapshot_is_named(directory: Path) -> None:
    [*_, snapshot] = sorted((directory / "t-0").glob("*.snapshot"))
    flip(snapshot, 20)
    assert found(verified(directory)) == {("error", f"t-0/{snapshot.name}")}


def test_checkpoints_are_compared_with_the_log(directory: Path) -> None:
    (directory / RECOVERY_POINTS).write_bytes(formatted_checkpoint({("t", 0): BATCHES * RECORDS + 5}))
    (directory / LOG_STARTS).write_bytes(formatted_checkpoint({("t", 1): 7}))
    assert found(verified(directory)) == {("error", "t-0"), ("error", "t-1")}
    (directory / RECOVERY_POINTS).write_bytes(b"0\n7\n")
    assert ("error", RECOVERY_POINTS) in found(verified(directory))


def test_files_that_explain_themselves_to_nobody_are_listed(directory: Path) -> None:
    (directory / "t-0" / "notes.txt").touch()
    (directory / "t-0" / f"{file_stem(1)}.index").touch()
    (directory / "t-0" / f"{file_stem(0)}.log.swap").touch()
    (directory / "old-0").mkdir()
    (directory / "old-0" / "partition.metadata").write_bytes((directory / "t-0" / "partition.metadata").read_bytes())
    (directory / "old-1.abc-stray").mkdir()
    assert found(verified(directory)) == {
        ("warning", "t-0/notes.txt"),
        ("warning", f"t-0/{file_stem(1)}.index"),
        ("warning", f"t-0/{file_stem(0)}.log.swap"),
        ("warning", "old-0"),
        ("note", "old-1.abc-stray"),
    }


def test_what_is_left_of_a_deleted_topic_is_no_fault(directory: Path) -> None:
    """The broker was killed before it renamed the directories."""
    topics = TopicRegistry(MetadataFile(directory, Files()))
    [topic] = topics
    changes = topics.changes()
    changes.delete(topic)
    changes.save()
    assert found(verified(directory)) == {("note", f"t-{number}") for number in range(topic.partitions)}


def test_the_id_of_a_partition_is_compared_with_the_metadata(directory: Path) -> None:
    (directory / "t-0" / "partition.metadata").write_bytes(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n")
    assert found(verified(directory)) == {("error", "t-0/partition.metadata")}


@pytest.mark.parametrize("policy", ["delete", "compact"])
def test_deep_opens_the_records(tmp_path: Path, policy: str) -> None:
    directory = tmp_path / "broker"
    write(directory, lambda number: build_batch([(b"k", b"v")], NOW_MS), policy=policy)
    torn = build_batch([(b"k", b"v")] * 3, NOW_MS)
    if policy == "compact":
        torn = build_batch([(None, b"v")], NOW_MS)
    else:
        torn = changed(torn, record_count=4, last_offset_delta=3)
    with segments(directory)[-1].open("ab") as log:
        log.write(changed(torn, base_offset=BATCHES))
    assert verified(directory).problems == []
    [problem] = verified(directory, deep=True).problems
    assert problem.offset == BATCHES
    assert problem.severity == ("warning" if policy == "compact" else "error")
    assert ("has no key" if policy == "compact" else "ends inside a record") in problem.what


@pytest.mark.parametrize("what", ["bomb", "headers"])
def test_deep_names_what_opens_to_too_much_and_goes_on(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "broker"
    write(directory, lambda number: build_batch([(b"k", b"v")], NOW_MS))
    if what == "bomb":
        large = batch_of([(b"k", bytes(MAX_RECORDS_BYTES))], codec=ZSTD)
    else:
        inside = b"\0\0\0\1\1" + varint(10_000_000) + b"\0\1" * 10_000_000
        records = compress(ZSTD, varint(len(inside)) + inside, 1)
        plain = build_batch([(b"k", b"v")], NOW_MS)[:HEADER_BYTES]
        large = changed(plain + records, attributes=ZSTD, batch_length=len(plain) - LENGTH_PREFIX_BYTES + len(records))
    with segments(directory)[-1].open("ab") as log:
        log.write(changed(large, base_offset=BATCHES))
        log.write(changed(build_batch([(b"k", b"v")], NOW_MS), base_offset=BATCHES + 1))
    report = verified(directory, deep=True)
    [problem] = report.problems
    assert (problem.severity, problem.offset) == ("error", BATCHES)
    assert problem.file == f"t-0/{segments(directory)[-1].name}"
    assert ("decompress to more" if what == "bomb" else "10000000 headers") in problem.what


def test_problems_are_bounded_and_all_counted(directory: Path) -> None:
    for segment in segments(directory):
        for position, _ in batches(segment)[::2]:
            flip(segment, position + CRC_POSITION)
    report = verified(directory)
    assert len(report.problems) == PROBLEMS_KEPT == report.total("error") - report.unnamed or report.unnamed == 0
    assert report.total("error") > 40


@pytest.mark.parametrize(
    ("flush", "sentence"),
    [
        ("commit", "none of these was acknowledged and could be lost"),
        ("interval", "broker.flush_interval_ms"),
        ("os", "what the operating system had not yet written"),
    ],
)
def test_it_says_what_a_power_cut_would_have_cost(directory: Path, flush: Any, sentence: str) -> None:
    config = msgspec.structs.replace(CONFIG, flush=flush)
    assert "would have cost nothing: the broker was stopped in order" in cost_of_power_cut(
        verified(directory, config=config)
    )
    not_closed_in_order(directory, recovery_point=BATCHES * RECORDS - 2 * RECORDS)
    report = verified(directory, config=config)
    size_bytes = sum(len(batch) for _, batch in batches(segments(directory)[-1])[-2:])
    assert f"Beyond them lie 6 records ({size_bytes:,} bytes)" in cost_of_power_cut(report)
    assert sentence in cost_of_power_cut(report)


def test_it_runs_beside_a_broker_that_writes(tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    with Broker(CONFIG, directory) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "batch.num.messages": 20})
        reports = []
        for number in range(20):
            for _ in range(200):
                producer.produce("t", b"%d" % number + bytes(300))
            producer.poll(0)
            reports.append(verified(directory, deep=True) if (directory / "t-0").exists() else None)
        assert producer.flush(60) == 0
        report = verified(directory)
        assert report.online
        assert [
            problem for seen in (*reports, report) if seen for problem in seen.problems if problem.severity != "note"
        ] == []
        assert report.topics()[0].records == 4000
    assert not verified(directory).online


def test_what_kill_9_leaves_is_no_error_before_and_after_the_next_start(tmp_path: Path) -> None:
    settings = {"broker.port": free_port(), "broker.metrics_port": free_port(), "broker.segment_bytes": 20_000}
    with Part("broker", "--data", str(tmp_path), settings=settings) as part:
        for _ in range(2):
            producer = Producer(
                {"bootstrap.servers": f"localhost:{settings['broker.port']}", "batch.num.messages": 5, "log_level": 0}
            )
            for number in range(2000):
                producer.produce("t", b"%d" % number + bytes(100))
            while len(producer) == 2000:
                producer.poll(0.01)
            part.kill()
            producer.purge()
            producer.flush(0)
            report = verified(tmp_path / "broker", deep=True)
            assert not report.online
            assert not report.clean
            assert report.total("error") == 0, report.problems
            assert report.topics()[0].records > 0
            part.start()
            assert verified(tmp_path / "broker").online
        assert part.stop() == 0
    assert verified(tmp_path / "broker", deep=True).problems == []


def test_the_command_prints_a_table_and_ends_with_a_status(directory: Path) -> None:
    ended = run("broker", "verify", str(directory))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    header, row = [line.split() for line in ended.stdout.splitlines() if line.startswith(("TOPIC", "t "))]
    assert dict(zip(header, row, strict=True))["RECORDS"] == str(BATCHES * RECORDS)
    assert "offline, stopped in order" in ended.stdout
    flip(segments(directory)[0], 100)
    ended = run("broker", "verify", "--data", str(directory.parent), "--json")
    assert ended.returncode == 1
    report = json.loads(ended.stdout)
    assert (report["errors"], report["online"], report["clean_shutdown"]) == (1, False, True)
    assert report["problems"][0]["position"] == 0
    assert report["partitions"][0]["records"] == BATCHES * RECORDS - RECORDS


def test_a_directory_that_is_no_brokers_is_bad_usage(tmp_path: Path) -> None:
    ended = run("broker", "verify", str(tmp_path))
    assert ended.returncode == 2
    assert "give the directory that holds the partitions" in ended.stderr


def test_options_stand_before_or_behind_the_commands_name(directory: Path) -> None:
    for arguments in (("--data", str(directory.parent), "verify"), ("verify", "--data", str(directory.parent))):
        assert run("broker", *arguments).returncode == 0

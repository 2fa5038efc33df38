"""Files in the data directory that are not ours, not what they should be, or gone: the broker starts and serves what is
there, or says in one line which file stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from logpost.errors import StartError
from logpost_broker.log.time_lookup import first_at_or_after
from tests.broker.log.logs import append, values_from
from tests.faults.disk import Contents, Directory, Disk, NameChange
from tests.faults.ledger import served_by
from tests.faults.life import SEGMENT_BYTES, Life, Machines

FIRST = "00000000000000000000"
METADATA = "metadata.json"
Change = Callable[[Disk], None]


@pytest.fixture
def machines() -> Iterator[Machines]:
    machines = Machines("commit")
    yield machines
    machines.close()


def lived(machines: Machines, *, clean: bool) -> Life:
    """A topic whose partition 0 has four segments, all but the last below the recovery point."""
    life = Life(machines, seed=5)
    life.start()
    life.create("t", 2)
    for number in range(60):
        life.append("t", producer=number % 2, size=300)
    life.checkpoint()
    life.wait(31)  # the next checkpoint saves what the first one synced
    life.append("t")
    life.sync()
    if clean:
        life.close()
    return life


def put(path: str, data: bytes = b"") -> Change:
    """A file with this content, in place of what was there."""

    def change(disk: Disk) -> None:
        *directory, name = path.split("/")
        disk.directory(tuple(directory)).change(NameChange(None, name, Contents([data])))

    return change


def directory(path: str) -> Change:
    def change(disk: Disk) -> None:
        *parent, name = path.split("/")
        disk.directory(tuple(parent)).change(NameChange(None, name, Directory()))

    return change


def gone(path: str) -> Change:
    return lambda disk: disk.remove(tuple(path.split("/")))


HARMLESS = {
    "a text file": put("notes.txt", b"remember the milk"),
    "an empty file": put("empty"),
    "a directory": directory("lost+found"),
    "a directory like a partition": directory("t-x"),
    "a directory like a partition that the topic has not": directory("t-7"),
    "a copy of a partition": put("t-00"),
    "a file to be deleted": put("x-delete"),
    "a file of a log that is none": put("t-0/notes.log", b"remember the milk"),
    "a log without a name": put("t-0/.log"),
    "a log with a short name": put("t-0/12.log", b"x"),
    "a log with a negative name": put("t-0/-0000000000000000001.log", b"x"),
    "a snapshot that is none": put("t-0/notes.snapshot"),
    "an empty snapshot": put("t-0/00000000000000000090.snapshot"),
    "a directory like an index": directory("t-0/notes.index"),
    "a temporary file": put("t-0/partition.metadata.tmp", b"version"),
    "an empty index": put(f"t-0/{FIRST}.index"),
    "an index of a wrong size": put(f"t-0/{FIRST}.index", b"\0\0\0\x07\0"),
    "no index": gone(f"t-0/{FIRST}.index"),
    "an empty time index": put(f"t-0/{FIRST}.timeindex"),
    "a time index of a wrong size": put(f"t-0/{FIRST}.timeindex", b"\0" * 13),
    "no time index": gone(f"t-0/{FIRST}.timeindex"),
    "an empty partition.metadata": put("t-0/partition.metadata"),
    "no partition.metadata": gone("t-0/partition.metadata"),
    "empty recovery points": put("recovery-point-offset-checkpoint"),
    "recovery points in words": put("recovery-point-offset-checkpoint", b"0\n1\nt zero many\n"),
    "no recovery points": gone("recovery-point-offset-checkpoint"),
    "empty log starts": put("log-start-offset-checkpoint"),
}
STOPS = {
    "no metadata file": gone(METADATA),
    "an empty metadata file": put(METADATA),
    "a metadata file in words": put(METADATA, b"topics: t"),
    "a metadata file of another version": put(METADATA, b'{"version": 99, "cluster_id": "x"}'),
    "a directory as metadata file": directory(METADATA),
    "a directory as checkpoint": directory("recovery-point-offset-checkpoint"),
}


@pytest.mark.parametrize("clean", [True, False], ids=["closed in order", "killed"])
@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_not_ours_does_no_harm(machines: Machines, name: str, clean: bool) -> None:
    life = lived(machines, clean=clean)
    HARMLESS[name](life.disk)
    life.disk.changing = None
    partitions = machines.boot(life.root)
    topic = partitions.topics.by_name("t")
    assert topic is not None
    log = partitions.log(topic, 0)
    written = [entry.base for entry in life.promise("t").entries]
    assert [header.base_offset for header, _ in served_by(log)] == written
    first = life.promise("t").entries[0]
    found = first_at_or_after(log, first.header.max_timestamp)
    assert found is not None
    assert found.offset == 0
    sent = [entry for entry in life.promise("t").entries if entry.header.producer_id >= 0][-1]
    assert log.append(sent.batch, now_ms=partitions.now_ms()).duplicate
    assert append(partitions.log(topic, 1), b"the other partition") == 0
    life.end()


@pytest.mark.parametrize("name", STOPS)
def test_a_file_that_stops_the_broker_is_named(machines: Machines, name: str) -> None:
    life = lived(machines, clean=True)
    STOPS[name](life.disk)
    with pytest.raises(StartError, match=r"(metadata\.json|recovery-point-offset-checkpoint)") as raised:
        machines.boot(life.root)
    assert "\n" not in str(raised.value)
    life.end()


@pytest.mark.parametrize("clean", [True, False], ids=["closed in order", "killed"])
@pytest.mark.parametrize("suffix", [".log", ".index", ".timeindex"])
def test_a_directory_in_the_place_of_a_file_costs_its_partition_only(
    machines: Machines, suffix: str, clean: bool
) -> None:
    life = lived(machines, clean=clean)
    life.disk.changing = None
    life.disk.remove(("t-0", FIRST + suffix))
    directory(f"t-0/{FIRST}{suffix}")(life.disk)
    partitions = machines.boot(life.root)
    topic = partitions.topics.by_name("t")
    assert topic is not None
    with pytest.raises(Exception, match="Is a directory"):
        partitions.log(topic, 0)
    assert append(partitions.log(topic, 1), b"the other partition") == 0
    life.end()


@pytest.mark.parametrize("clean", [True, False], ids=["closed in order", "killed"])
def test_a_segment_missing_in_the_middle_costs_its_own_records_only(machines: Machines, clean: bool) -> None:
    life = lived(machines, clean=clean)
    life.disk.changing = None
    segments = sorted(path[-1] for path, _ in life.disk.files() if path[-1].endswith(".log") and path[0] == "t-0")
    first, after = int(segments[1].removesuffix(".log")), int(segments[2].removesuffix(".log"))
    gone(f"t-0/{segments[1]}")(life.disk)
    partitions = machines.boot(life.root)
    topic = partitions.topics.by_name("t")
    assert topic is not None
    kept = [entry.base for entry in life.promise("t").entries if not first <= entry.base < after]
    assert [header.base_offset for header, _ in served_by(partitions.log(topic, 0))] == kept
    life.end()


def test_an_index_left_of_a_segment_that_is_gone_says_nothing(machines: Machines) -> None:
    life = Life(machines, seed=5)
    life.start()
    life.create("t")
    log = life.log("t")
    put("t-0/00000000000000000001.index", b"\0\0\0\0\0\0\0\x50")(life.disk)
    put("t-0/00000000000000000001.timeindex", b"\x7f" * 12)(life.disk)
    assert append(log, b"first") == 0
    assert append(log, b"." * SEGMENT_BYTES) == 1
    job = log.begin_sync()
    job.run()
    log.end_sync(job)
    assert values_from(log, 1) == [b"." * SEGMENT_BYTES]
    life.end()

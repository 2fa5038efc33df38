"""What is the matter with a batch that Kafka's client does not get past."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logpost_broker.log import limits
from logpost_web.indexer import unpacking
from logpost_web.indexer.batches import read_batches
from logpost_web.indexer.unpacking import MAX_BATCH_RECORDS
from tests.web.indexer.forged import CODECS, MIB, SNAPPY, UNKNOWN, ZSTD, batch, bomb, framed_snappy, packed, record

SECONDS = 60
RECORDS = record(0) + record(1, b"") + record(2, b"long" * 1000)
UNREADABLE = "cannot be unpacked"
TOO_LARGE = "unpack to more than 100000000 bytes"
WRONG = "does not hold the"


def fault(records: bytes, *, count: int = 3, codec: int = 0) -> str:
    [found] = read_batches(batch(0, records, count=count, codec=codec))
    return found.fault()


def test_the_limits_are_the_brokers() -> None:
    """The two packages never import each other."""
    for name in ("MAX_RECORDS_BYTES", "MAX_BATCH_RECORDS"):
        assert getattr(unpacking, name) == getattr(limits, name)


@pytest.mark.parametrize("codec", [0, *CODECS.values()])
def test_nothing_is_the_matter_with_a_good_one(codec: int) -> None:
    assert fault(packed(codec, RECORDS) if codec else RECORDS, codec=codec) == ""


def test_a_good_one_in_javas_framing_and_one_of_several_frames() -> None:
    assert fault(framed_snappy(RECORDS[:50], RECORDS[50:]), codec=SNAPPY) == ""
    for codec in set(CODECS.values()) - {SNAPPY}:
        assert fault(packed(codec, RECORDS[:50]) + packed(codec, RECORDS[50:]), codec=codec) == ""


@pytest.mark.parametrize("codec", CODECS.values())
@pytest.mark.parametrize("what", ["cut short", "other bytes", "nothing"])
def test_what_does_not_unpack_is_named(codec: int, what: str) -> None:
    whole = packed(codec, os.urandom(1000))
    broken = {"cut short": whole[:-20], "other bytes": b"\xff" * 100, "nothing": b""}[what]
    assert any(reason in fault(broken, codec=codec) for reason in (UNREADABLE, TOO_LARGE))


def test_a_codec_that_nobody_knows_is_named() -> None:
    assert "a codec that nobody knows, 7" in fault(RECORDS, codec=UNKNOWN)


@pytest.mark.parametrize(
    "records",
    {
        "one less": record(0) + record(1),
        "one more": RECORDS + record(3),
        "bytes behind": RECORDS + b"\0",
        "cut short": RECORDS[:-1],
        "a length below nothing": b"\x01" * 100,
        "a number without an end": b"\xff" * 100,
        "a value that is longer than its record": record(0) + record(1) + b"\x12\0\0\x04\x01\x30abc\0",
        "none": b"",
    }.values(),
)
@pytest.mark.parametrize("codec", [0, ZSTD])
def test_records_that_are_not_what_the_header_says(records: bytes, codec: int) -> None:
    assert WRONG in fault(packed(codec, records) if codec else records, codec=codec)


def test_more_records_than_anybody_sends_are_not_looked_at() -> None:
    assert f"{MAX_BATCH_RECORDS} are the most" in fault(RECORDS, count=MAX_BATCH_RECORDS + 1)


def test_a_wrong_checksum_comes_first() -> None:
    [found] = read_batches(batch(0, b"\xff" * 100, codec=ZSTD, is_damaged=True))
    assert "checksum" in found.fault()


@pytest.mark.parametrize("codec", CODECS.values())
def test_a_bomb_takes_no_more_memory_than_the_limit(codec: int, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(batch(0, bomb(codec, 400), codec=codec))
    program = (
        "import resource, sys, pathlib\n"
        "from logpost_web.indexer.batches import read_batches\n"
        "[found] = read_batches(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print(found.fault())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    before, reason, after = run.stdout.splitlines()
    assert TOO_LARGE in reason
    assert int(after) - int(before) < 200 * MIB / 1024, "KiB"

"""Apache Kafka's DumpLogSegments reads what our broker wrote, and finds nothing wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from logpost_broker.log.batch import CRC_POSITION
from tests.interop.topics import SECONDS, create, producer, records
from tests.support.apache_kafka import run_tool
from tests.support.processes import Part, free_port

TOOL = "org.apache.kafka.tools.DumpLogSegments"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
SEGMENT_BYTES = 30_000
HARMLESS = re.compile(
    r".*-1 is followed by \d+.*|Non-consecutive offsets in .*|Dumping .*|Log starting offset: \d+|.* is empty\.",
    re.DOTALL,
)
"""The tool says so of Kafka's own files too: of the first record of a segment, and of short segments."""
SOUND = re.compile(
    r"baseOffset: .* isvalid: true|\| offset: .*|offset: \d+ position: \d+|timestamp: -?\d+ offset: \d+|producerId: .*"
)


def dump(libs: Path, files: list[Path]) -> list[str]:
    """The tool's lines that do not say that all is well."""
    ended = run_tool(libs, TOOL, "--deep-iteration", "--files", ",".join(map(str, files)))
    assert ended.returncode == 0, ended.stderr
    lines = (ended.stdout + ended.stderr).splitlines()
    assert sum(line.startswith("| offset:") for line in lines)
    return [
        line for line in lines if line.strip() and not SOUND.fullmatch(line.strip()) and not HARMLESS.fullmatch(line)
    ]


def write(servers: str, topic: str, settings: Mapping[str, object]) -> None:
    with producer(servers, **{"batch.num.messages": 30, **settings}) as made:
        for record in range(400):
            value = b"%d " % record + bytes(record % 250)
            made.produce(
                topic, value, key=b"k%d" % (record % 9), headers={"n": str(record)}, timestamp=1000 * record + 1
            )


def await_compaction(servers: str) -> None:
    deadline = time.monotonic() + SECONDS
    while len(found := records(servers, "compacted")) == found[-1].offset + 1:
        assert time.monotonic() < deadline, "nothing was compacted"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Topics of every codec, of batches that the broker recompressed, one that it compacted, of several segments; lives
    that kill -9 ended."""
    data = tmp_path_factory.mktemp("data")
    ports = {"broker.port": free_port(), "broker.metrics_port": free_port()}
    servers = f"localhost:{ports['broker.port']}"
    settings = {
        **ports,
        "broker.segment_bytes": SEGMENT_BYTES,
        "broker.cleaner_check_seconds": 0.1,
        "broker.retention_ms": -1,  # the records are of 1970
    }
    with Part("broker", "--data", str(data), settings=settings) as part:
        for codec in CODECS:
            create(servers, codec, 1, {"compression.type": "producer"})
            create(servers, f"made-{codec}", 1, {"compression.type": codec.replace("none", "uncompressed")})
        create(servers, "stamped", 1, {"message.timestamp.type": "LogAppendTime"})
        compaction = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.bytes": "5000"}
        create(servers, "compacted", 1, compaction)
        for life in range(3):
            for codec in CODECS:
                write(servers, codec, {"compression.type": codec, "enable.idempotence": life != 1})
                write(servers, f"made-{codec}", {"compression.type": "none"})
            write(servers, "stamped", {"compression.type": "zstd"})
            write(servers, "compacted", {"compression.type": "lz4"})
            await_compaction(servers)
            part.kill()
            part.start()
    return data / "broker"


SUFFIXES = (".log", ".index", ".timeindex", ".snapshot")
TOPICS = (*CODECS, *(f"made-{codec}" for codec in CODECS), "stamped", "compacted")


def test_kafkas_tool_finds_nothing_wrong(libs: Path, data: Path) -> None:
    files = [path for topic in TOPICS for path in sorted((data / f"{topic}-0").iterdir()) if path.suffix in SUFFIXES]
    for suffix in SUFFIXES:
        assert {path.parent.name for path in files if path.suffix == suffix} == {f"{topic}-0" for topic in TOPICS}
    assert sum(path.suffix == ".log" for path in files) > len(TOPICS) + len(CODECS), "no segment was rolled"
    assert dump(libs, files) == []


def test_a_file_that_is_wrong_is_noticed_by_this_test(libs: Path, data: Path, tmp_path: Path) -> None:
    original = min((data / "zstd-0").glob("*.log"))
    damaged = bytearray(original.read_bytes())
    damaged[CRC_POSITION] ^= 1
    (tmp_path / original.name).write_bytes(damaged)
    assert dump(libs, [tmp_path / original.name]) != []

"""What rotation does to a log, and what must have been shipped then."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.collector.agent.harness import Host, lines_of, messages

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


def pack(path: Path, ending: str = ".gz") -> Path:
    """Compress a file as gzip and its relatives do: the copy keeps the time."""
    packed = path.with_name(path.name + ending)
    packed.write_bytes(PACKERS[ending](path.read_bytes()))
    shutil.copystat(path, packed)
    path.unlink()
    return packed


def renamed(path: Path, ending: str) -> Path:
    return path.rename(path.with_name(path.name + ending))


def assert_each_once(host: Host, *texts: str) -> None:
    """As sent, without what the indexer drops."""
    assert sorted(messages(host)) == sorted("".join(texts).splitlines())
    lines_of(host.topic.records)  # no gap


def assert_no_more_after_restarts(host: Host) -> None:
    sent = len(messages(host))
    for _ in range(2):
        host.stop()
        host.read()
    assert len(messages(host)) == sent

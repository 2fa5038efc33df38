"""The broker's own logs: what is damaged is passed over wherever it is, and never keeps the broker from starting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from logpost_broker.broker import EMBEDDED
from logpost_broker.partitions.internal_log import InternalLog
from logpost_broker.partitions.partitions import Partitions

NAME = "__own_state"
VALUES = [b"first", b"second", b"third"]


async def write(directory: Path) -> None:
    partitions = Partitions(EMBEDDED, directory)
    partitions.open()
    log = partitions.open_internal_log(NAME)
    for value in VALUES:
        await log.append([(b"key", value)])
    await partitions.close()


def values(log: InternalLog) -> list[bytes | None]:
    return [record.value for _, record in log.records()]


async def read_and_go_on(directory: Path, left: list[bytes]) -> None:
    partitions = Partitions(EMBEDDED, directory)
    partitions.open()
    log = partitions.find_internal_log(NAME)
    assert log is not None
    assert values(log) == left
    await log.append([(b"key", b"next")])
    assert values(log) == [*left, b"next"]
    await partitions.close()


@pytest.mark.parametrize("damaged", VALUES)
def test_a_damaged_batch_is_passed_over(tmp_path: Path, damaged: bytes) -> None:
    asyncio.run(write(tmp_path))
    path = tmp_path / f"{NAME}-0" / "00000000000000000000.log"
    path.write_bytes(path.read_bytes().replace(damaged, b"x" * len(damaged)))
    left = [value for value in VALUES if value != damaged]
    asyncio.run(read_and_go_on(tmp_path, left))


def test_a_log_of_which_nothing_is_whole_is_empty(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path))
    path = tmp_path / f"{NAME}-0" / "00000000000000000000.log"
    path.write_bytes(bytes(path.stat().st_size))
    asyncio.run(read_and_go_on(tmp_path, []))

"""A disk of the store that takes nothing for a while: it is said, nothing is lost, and it goes on by itself."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.support.appliance import await_condition
from tests.web.indexer.test_away import Box

SECONDS = 60.0


def mount(*arguments: str | Path) -> None:
    if subprocess.run(["mount", *arguments], check=False).returncode:
        pytest.skip("this machine mounts nothing")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one, at the store's directory."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount("-t", "tmpfs", "-o", "size=128m", "tmpfs", directory)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[str]:
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        while True:
            file.write(bytes(65_536))
    try:
        yield "is full"
    finally:
        filling.unlink()


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[str]:
    mount("--bind", disk, disk)
    try:
        mount("-o", "remount,bind,ro", disk)
        yield "is read-only"
    finally:
        subprocess.run(["umount", disk], check=True)


def readiness(box: Box) -> str:
    """Empty when it is ready."""
    try:
        return "" if box.get("/readyz")["ready"] else "not ready"
    except urllib.error.HTTPError as error:
        return str(json.load(error)["reasons"])


def complete(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = box.get("/api/search", q="")["complete"]
    return found


def send(box: Box, texts: list[str]) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    for number, text in enumerate(texts):
        producer.produce("logs", text.encode(), partition=number % 3)
    assert producer.flush(SECONDS) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_a_disk_that_takes_nothing_for_a_while_loses_nothing(tmp_path: Path, disk: Path) -> None:
    box = Box(tmp_path)
    box.web.environment["LOGPOST_STORE_URL"] = f"chdb://{disk / 'clickhouse'}"
    sent = [f"first {number}" for number in range(100)]
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, sent)
        box.await_total(len(sent), SECONDS)
        for taken_away in (full, read_only):
            with taken_away(disk) as says:
                await_condition(lambda: says in readiness(box), f"it says that the disk {says}", SECONDS)
                more = [f"{says} {number}" for number in range(100)]
                send(box, more)
                await_condition(
                    lambda: complete(box)["paused"] is not None, "nothing is indexed, and it says so", SECONDS
                )
                assert box.total() == len(sent)
            sent += more
            box.await_total(len(sent), SECONDS)
            await_condition(lambda: not readiness(box), "it is ready", SECONDS)
            assert complete(box)["paused"] is None
            assert sorted(row["message"] for row in box.rows()) == sorted(sent)
        assert box.web.process.poll() is None

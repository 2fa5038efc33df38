"""A disk of the store that takes nothing for a while: it is said, nothing is lost, and it goes on by itself."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from logpost_web.store.room import RESERVE
from tests.support.appliance import await_condition
from tests.web.indexer.test_away import Box

SECONDS = 60.0
DAMAGED_PARTS = 5
"""At the most, of one disk that became full."""

T = TypeVar("T")


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
    found: dict[str, Any] = searched(lambda: box.get("/api/search", q="")["complete"])
    return found


def searched(search: Callable[[], T]) -> T:
    """What it finds. The engine may leave a part damaged that it was writing when the disk became full: the search that
    meets it says so, and asks to search again."""
    for _ in range(DAMAGED_PARTS):
        try:
            return search()
        except urllib.error.HTTPError as error:
            if json.load(error)["error"]["code"] != "store_damaged":
                raise
            threading.Event().wait(1)  # the indexer's thread sets it aside
    return search()


def send(box: Box, texts: list[str], hours_ago: int = 0) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    at_ms = int(time.time() * 1000) - hours_ago * 3_600_000
    for number, text in enumerate(texts):
        producer.produce("logs", text.encode(), partition=number % 3, timestamp=at_ms)
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


@contextlib.contextmanager
def without_inodes(disk: Path) -> Iterator[str]:
    filling = disk / "filling"
    filling.mkdir()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        for number in itertools.count():
            (filling / str(number)).touch()
    try:
        yield "has no inode left"
    finally:
        shutil.rmtree(filling)


@pytest.fixture
def store_disk(tmp_path: Path) -> Iterator[Path]:
    """All of `store/` is on a small one."""
    directory = tmp_path / "data" / "store"
    directory.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=128m,nr_inodes=4000", "tmpfs", directory)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_a_store_opens_and_serves_without_a_byte_or_an_inode_free(tmp_path: Path, store_disk: Path) -> None:
    """Killed, and started again on the disk that is full."""
    box = Box(tmp_path)
    sent = [f"first {number} {os.urandom(100).hex()}" for number in range(300)]
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, sent)
        box.await_total(len(sent), SECONDS)
        for taken_away in (full, without_inodes):
            await_condition((store_disk / "clickhouse" / RESERVE).exists, "there is a reserve", SECONDS)
            with taken_away(store_disk) as says:
                more = [f"{says} {number}" for number in range(100)]
                send(box, more)
                await_condition(lambda: complete(box)["paused"] is not None, "nothing is indexed", SECONDS)
                box.web.kill()
                box.web.start()
                assert box.total() == len(sent)
                await_condition(lambda: says in str(complete(box)["paused"]), "it says why", SECONDS)
                assert says in readiness(box)
                with contextlib.suppress(OSError), (store_disk / "more").open("wb", buffering=0) as file:
                    while True:  # what the reserve was is taken, too
                        file.write(bytes(65_536))
                box.web.kill()
                box.web.start()
                assert box.total() == len(sent)
            (store_disk / "more").unlink(missing_ok=True)
            sent += more
            box.await_total(len(sent), SECONDS)
            await_condition(lambda: not readiness(box), "it is ready", SECONDS)
            assert sorted(row["message"] for row in box.rows()) == sorted(sent)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_retention_makes_room_on_a_disk_that_is_full_to_the_last_byte(tmp_path: Path, store_disk: Path) -> None:
    """Somebody else's file took it. What a setting deletes does not wait then."""
    file = tmp_path / "logpost.toml"
    file.write_text('[store]\nkeep = "14d"\n')
    box = Box(tmp_path)
    box.web.arguments = (*box.web.arguments, "--config", str(file))
    old = [f"old {number} {os.urandom(500).hex()}" for number in range(3000)]
    new = [f"new {number}" for number in range(100)]
    with box.broker.start():
        # The web would make one that takes no time but the broker's.
        admin = AdminClient({"bootstrap.servers": box.bootstrap_servers})
        topic = NewTopic("logs", 3, config={"message.timestamp.type": "CreateTime"})
        admin.create_topics([topic])["logs"].result()
        with box.web.start():
            box.await_ready()
            send(box, old, hours_ago=80)
            box.await_total(len(old), SECONDS)
            reserve = store_disk / "clickhouse" / RESERVE
            await_condition(reserve.exists, "there is a reserve", SECONDS)
            with full(store_disk):
                send(box, new)
                await_condition(lambda: complete(box)["paused"] is not None, "nothing is indexed", SECONDS)
                file.write_text('[store]\nkeep = "1d"\n')
                box.web.process.send_signal(signal.SIGHUP)
                await_condition(lambda: box.total() == 0, "the old rows are gone", SECONDS)
            await_condition(lambda: box.total() == len(new), "the new are there", SECONDS)
            assert complete(box)["paused"] is None
            await_condition(reserve.exists, "there is a reserve again", SECONDS)
            assert [row["message"] for row in box.rows() if row["message"] not in new] == []
            assert box.get("/api/store/stats")["retention"]["error"] == ""
            box.web.stop()
            box.web.start()
            box.await_ready()
            assert box.total() == len(new)
            assert complete(box)["dropped"] == []


ROUNDS = 5


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_a_disk_that_fills_again_and_again_loses_and_doubles_nothing(tmp_path: Path, store_disk: Path) -> None:
    """While lines come. Each time the indexer pauses, says since when and how much is free, answers, and goes on."""
    box = Box(tmp_path)
    sent: list[str] = []
    ended = threading.Event()

    def send_all_the_time() -> None:
        while not ended.wait(0.05):
            more = [f"line {len(sent) + number} {os.urandom(50).hex()}" for number in range(20)]
            send(box, more)
            sent.extend(more)

    with box.broker.start(), box.web.start():
        box.await_ready()
        sender = threading.Thread(target=send_all_the_time)
        sender.start()
        try:
            for _ in range(ROUNDS):
                with full(store_disk):
                    await_condition(lambda: "bytes are free" in str(complete(box)["paused"]), "it pauses", SECONDS)
                    assert complete(box)["paused"]["since"] > "2026"
                    assert "bytes are free" in readiness(box)
                    before = searched(box.total)
                await_condition(lambda: complete(box)["paused"] is None, "it goes on", SECONDS)
                await_condition(lambda count=before: searched(box.total) > count, "more is there", SECONDS)  # type: ignore[misc]
        finally:
            ended.set()
            sender.join()
        box.await_total(len(sent), SECONDS)
        assert sorted(row["message"] for row in box.rows()) == sorted(sent)
        assert sum("trying again" in line for line in box.web.lines) == ROUNDS
        assert [complete(box)[name] for name in ("missing", "dropped", "stepped_over")] == [[], [], []]

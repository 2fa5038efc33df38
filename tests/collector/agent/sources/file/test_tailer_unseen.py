"""Logs that were begun and rotated between two looks of a running agent."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.agent.harness import Host, append, lines_of, messages, numbered
from tests.collector.agent.sources.file.rotations import PACKERS, assert_each_once, pack, renamed


@pytest.fixture
def host(tmp_path: Path, log: Path) -> Iterator[Host]:
    """It has read a log, and sees nothing of what a test does until it reads again."""
    append(log, "seen\n")
    host = Host(tmp_path)
    host.read()
    host.sleep(1)
    yield host
    host.close()


def rotate(log: Path, generations: int) -> None:
    """`app.log` → `app.log.1` → `app.log.2`."""
    for number in range(generations, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.rename(log.with_name(f"{log.name}.{number + 1}"))
    renamed(log, ".1")


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_several_logs_that_no_look_has_seen(host: Host, log: Path, ending: str) -> None:
    for text in ("one\n", "two\n", "three\n"):
        append(log, text)
        rotate(log, 3)
    if ending:
        for number in (1, 2, 3):
            pack(log.with_name(f"{log.name}.{number}"), ending)
    append(log, "four\n")
    host.read()
    host.sleep(4)
    assert_each_once(host, "seen\n", "one\n", "two\n", "three\n", "four\n")
    host.stop()
    host.sleep(1)
    assert_each_once(host, "seen\n", "one\n", "two\n", "three\n", "four\n")


def test_the_first_log_of_all(tmp_path: Path, log: Path) -> None:
    host = Host(tmp_path)
    host.read()
    append(log, "one\n")
    renamed(log, ".1")
    host.sleep(4)
    assert_each_once(host, "one\n")
    host.close()


def test_a_log_that_was_empty_when_it_was_seen(host: Host, log: Path) -> None:
    for round_ in range(4):
        append(log, f"round {round_}\n")
        rotate(log, 5)
        log.touch()
        host.read()
        host.sleep(0.5)
    host.sleep(3)
    assert_each_once(host, "seen\n", *(f"round {round_}\n" for round_ in range(4)))


def test_the_writer_of_an_unseen_log_goes_on(host: Host, log: Path) -> None:
    renamed(log, ".2")
    with log.open("a", buffering=1) as file:
        renamed(log, ".1")  # still empty
        append(log, "next\n")
        host.read()
        host.sleep(60)
        for number in range(12):
            file.write(f"late {number}\n")
            host.sleep(1)
    host.sleep(3)
    assert_each_once(host, "seen\n", "next\n", *(f"late {number}\n" for number in range(12)))


def test_an_unseen_log_that_was_copied_and_truncated(host: Host, log: Path) -> None:
    renamed(log, ".2")
    append(log, numbered(0, 30))
    shutil.copy2(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    append(log, "after\n")
    host.read()
    host.sleep(3)
    assert_each_once(host, "seen\n", numbered(0, 30), "after\n")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_unseen_log_that_begins_like_the_one_before(host: Host, log: Path, ending: str) -> None:
    """Each begins with the same line, and one of them had no other."""
    renamed(log, ".2")
    append(log, "seen\none\n")
    rotated = renamed(log, ".1")
    if ending:
        pack(rotated, ending)
    append(log, "seen\ntwo\n")
    host.read()
    host.sleep(12)
    assert_each_once(host, "seen\n", "seen\none\n", "seen\ntwo\n")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_short_log_that_is_rotated_while_the_broker_is_away(host: Host, log: Path, ending: str) -> None:
    """What is not acknowledged yet is on its way all the same."""
    host.topic.acknowledges_at_once = False
    append(log, "one\n")
    host.read()
    append(log, "two\n")
    shutil.copy2(log, log.with_name("app.log.1"))
    if ending:
        pack(log.with_name("app.log.1"), ending)
    host.read()
    host.sleep(12)
    host.topic.acknowledge()
    host.sleep(2)
    assert_each_once(host, "seen\none\ntwo\n")


@pytest.mark.parametrize("text", ["short\n", numbered(0, 30)])
@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_what_was_seen_is_not_shipped_again(host: Host, log: Path, text: str, ending: str) -> None:
    append(log, text)
    host.read()
    copy = log.with_name("app.log.1")
    shutil.copy2(log, copy)
    if ending:
        pack(copy, ending)
    host.read()
    host.sleep(12)
    append(log, "more\n")
    renamed(log, ".2")
    if ending:
        pack(log.with_name("app.log.2"), ending)
    append(log, "new\n")
    host.read()
    host.sleep(12)
    assert_each_once(host, "seen\n", text, "more\n", "new\n")


@pytest.mark.parametrize("text", ["short\n", numbered(0, 30)])
@pytest.mark.parametrize("ending", ["", *PACKERS])
@pytest.mark.parametrize("seconds", [0, 60])
def test_a_log_that_was_read_goes_on_in_its_copy(host: Host, log: Path, text: str, ending: str, seconds: int) -> None:
    append(log, text)
    host.read()
    host.sleep(seconds)
    shutil.copy2(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    if ending:
        pack(log.with_name("app.log.1"), ending)
    host.read()
    host.sleep(12)
    append(log, "new\n")
    host.sleep(12)
    assert lines_of(host.topic.records) == Counter(f"seen\n{text}new\n".splitlines())


@pytest.mark.parametrize("text", ["short\n", numbered(0, 30)])
@pytest.mark.parametrize("ending", PACKERS)
def test_a_log_that_rests_and_is_compressed_at_once(host: Host, log: Path, text: str, ending: str) -> None:
    append(log, text)
    host.read()
    host.sleep(60)
    pack(renamed(log, ".1"), ending)
    host.read()
    host.sleep(12)
    append(log, "new\n")
    host.sleep(12)
    assert_each_once(host, "seen\n", text, "new\n")


def test_a_copy_under_way_is_waited_for(host: Host, log: Path) -> None:
    renamed(log, ".3")
    append(log, numbered(0, 40))
    unseen = pack(renamed(log, ".1"))
    whole = unseen.read_bytes()
    unseen.write_bytes(whole[:100])
    host.read()
    host.sleep(1)
    unseen.write_bytes(whole)
    host.sleep(4)
    assert_each_once(host, "seen\n", numbered(0, 40))


def test_old_files_that_are_put_beside_a_log_are_left(host: Host, log: Path, tmp_path: Path) -> None:
    restored = tmp_path / "app.log.7"
    append(restored, "old\n")
    os.utime(restored, (1_600_000_000, 1_600_000_000))
    append(tmp_path / "unrelated.1", "no log of ours\n")
    host.read()
    host.sleep(12)
    assert messages(host) == ["seen"]


def test_beside_the_target_of_a_link(tmp_path: Path) -> None:
    pods, containers = tmp_path / "pods", tmp_path / "containers"
    pods.mkdir()
    containers.mkdir()
    target = pods / "0.log"
    append(target, "seen\n")
    (containers / "web.log").symlink_to(target)
    host = Host(tmp_path, str(containers / "*.log"))
    host.read()
    host.sleep(1)
    append(target, "more\n")
    renamed(target, ".20261128-101112")
    append(target, "unseen\n")
    pack(renamed(target, ".20261128-101113"))
    append(target, "new\n")
    host.read()
    host.sleep(4)
    assert_each_once(host, "seen\n", "more\n", "unseen\n", "new\n")
    assert {record.file for record in host.topic.records} == {str(containers / "web.log")}
    host.close()

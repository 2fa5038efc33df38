"""Hearing of file events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.watch import NOTHING, Seen, Watch
from logpost_broker import Broker
from tests.collector.agent.topic import TopicReader

WAIT_SECONDS = 60.0


class Watching:
    """A watch and what it wakes."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.watch = Watch(self.woken.set)

    def wait(self, seconds: float = WAIT_SECONDS) -> Seen:
        """What is seen with the next event."""
        self.woken.wait(seconds)
        self.woken.clear()
        return self.watch.take()


@pytest.fixture
def watching() -> Iterator[Watching]:
    watching = Watching()
    yield watching
    watching.watch.close()


def test_a_write_names_its_file_once(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    watching.watch.add([(tmp_path, False)])
    assert watching.watch.take() == NOTHING
    with (tmp_path / "a.log").open("a") as file:
        file.write("one\n")
    assert watching.wait().paths == {tmp_path / "a.log"}
    assert watching.watch.take() == NOTHING


def test_a_new_file_in_a_new_directory_is_noticed(watching: Watching, tmp_path: Path) -> None:
    watching.watch.add([(tmp_path, True)])
    (tmp_path / "new").mkdir()
    assert watching.wait().tree
    deadline = time.monotonic() + WAIT_SECONDS
    while (tmp_path / "new" / "a.log") not in watching.wait(0.1).paths:
        (tmp_path / "new" / "a.log").write_text("one\n")
        assert time.monotonic() < deadline


def test_a_rename_is_noticed(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    watching.watch.add([(tmp_path, False)])
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    assert {path.name for path in watching.wait().names} == {"a.log", "a.log.1"}


def test_a_directory_that_comes_later_is_watched_then(watching: Watching, tmp_path: Path) -> None:
    watching.watch.add([(tmp_path / "later", False)])
    (tmp_path / "later").mkdir()
    watching.watch.add([(tmp_path / "later", False)])
    (tmp_path / "later" / "a.log").touch()
    assert watching.wait().names


def test_it_knows_whether_it_hears_all(watching: Watching, tmp_path: Path) -> None:
    """Else files are looked at as often as was asked for, however many there are."""
    assert watching.watch.hears_all
    watching.watch.add([(tmp_path, True), (tmp_path / "none", False)])
    assert watching.watch.hears_all, "where nothing is there is nothing to hear"
    watching.watch.add([(Path("/"), True)])
    assert not watching.watch.hears_all


def test_many_directories_take_one_instance_of_the_system(watching: Watching, tmp_path: Path) -> None:
    before = instances()
    for number in range(30):
        (tmp_path / str(number)).mkdir()
    watching.watch.add((tmp_path / str(number), False) for number in range(30))
    (tmp_path / "29" / "a.log").touch()
    assert watching.wait().names
    assert instances() == before


def instances() -> int:
    """Of inotify, that this process has."""
    descriptors = Path("/proc/self/fd")
    return sum(os.path.lexists(one) and str(one.readlink()) == "anon_inode:inotify" for one in descriptors.iterdir())


LIMITED = 'echo 0 >/proc/sys/user/max_inotify_"$0" && exec "$@"'
"""In a user namespace of its own, where what others use up is a limit that it sets itself."""
UNSHARED = ("unshare", "--user", "--map-root-user", "sh", "-c", LIMITED)


def may_limit() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*UNSHARED, "instances", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not may_limit(), reason="needs user namespaces, and unshare of util-linux")
@pytest.mark.parametrize("what", ["instances", "watches"])
def test_an_agent_for_which_others_left_nothing_looks_at_its_files(what: str, tmp_path: Path, broker: Broker) -> None:
    """It says so once, and lines arrive."""
    log = tmp_path / "a.log"
    log.write_text("one\n")
    config = tmp_path / "logpost.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{broker.bootstrap_servers}"\n[agent]\nmetrics_port = 0\n'
        f'[[agent.source]]\ntype = "file"\npaths = ["{tmp_path}/*.log", "{tmp_path}/more/*.log"]\n'
    )
    (tmp_path / "more").mkdir()
    command = [sys.executable, "-m", "logpost", "agent", "--config", str(config), "--data", str(tmp_path / "data")]
    topic = TopicReader(broker.bootstrap_servers)
    with subprocess.Popen([*UNSHARED, what, *command], stderr=subprocess.PIPE, text=True) as agent:
        topic.read_count(1)
        with log.open("a") as file:
            file.write("two\n")
        records = topic.read_count(2)
        agent.terminate()
        _, said = agent.communicate(timeout=60)
    topic.close()
    assert [record.message for record in records] == ["one", "two"]
    assert said.count("only polled") == 1, said
    assert agent.returncode == 0

"""The broker inside other people's programs and tests, and what docs/embedding.md promises of it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from logpost_broker import Broker
from logpost_broker.broker import MEMORY
from tests.broker.api.conftest import create, produce_values
from tests.broker.wire_client import WireClient

ROOT = Path(__file__).parents[2]
PLUGIN = "logpost_broker.pytest_plugin"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "embedding.md").read_text(), re.DOTALL | re.MULTILINE)
SECONDS = 90.0


def run_pytest(directory: Path, test: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(test)
    options = ["-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--rootdir", str(directory)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_it.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def descriptors() -> set[str]:
    """What this process has open, by name."""
    return {f"{entry.name} {entry.readlink()}" for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}


@pytest.mark.parametrize("memory", [False, True])
def test_it_answers_as_soon_as_it_is_made(memory: bool) -> None:
    """How soon that is, `bench.embedding` measures."""
    with Broker(memory=memory) as broker, WireClient(broker.port) as client:
        client.call("api_versions", 0, {})


def test_ten_run_at_once_each_with_its_own_data() -> None:
    with ExitStack() as running:
        brokers = [running.enter_context(Broker(memory=number % 2 == 0)) for number in range(10)]
        assert len({broker.port for broker in brokers}) == len({broker.directory for broker in brokers}) == 10
        for number, broker in enumerate(brokers):
            producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
            producer.produce("same-name", b"%d" % number)
            assert producer.flush(SECONDS) == 0
        for number, broker in enumerate(brokers):
            consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "none"})
            consumer.assign([TopicPartition("same-name", 0, 0)])
            message = consumer.poll(SECONDS)
            assert message is not None
            assert message.value() == b"%d" % number
            consumer.close()


def give_back_threads_descriptors_and_files() -> None:
    with Broker():  # what stays open after the first is the interpreter's, such as /dev/urandom
        pass
    threads, open_before = set(threading.enumerate()), descriptors()
    directories = []
    for number in range(6):
        with Broker(memory=number % 2 == 0) as broker, WireClient(broker.port) as client:
            directories.append(broker.directory)
            create(client, "t", num_partitions=3)
            produce_values(client, "t", b"v")
            client.call("find_coordinator", 2, {"key": "group", "key_type": 0})
            client.call("delete_topics", 5, {"topic_names": ("t",)})
    assert set(threading.enumerate()) - threads == set()
    assert descriptors() - open_before == set()
    assert [directory for directory in directories if directory.exists()] == []


def test_threads_descriptors_and_files_are_given_back() -> None:
    """In a process of its own: clients that other tests had go on opening pipes for a while."""
    code = f"import {__name__} as tests; tests.give_back_threads_descriptors_and_files()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(not MEMORY.exists(), reason="the system has no file system in memory")
def test_data_in_memory_is_in_memory_until_the_end() -> None:
    with Broker(memory=True) as broker, WireClient(broker.port) as client:
        create(client, "t")
        produce_values(client, "t", b"v")
        assert broker.directory.parent == MEMORY
        assert (broker.directory / "t-0" / f"{0:020}.log").stat().st_size > 0
    assert not broker.directory.exists()


def test_data_in_memory_is_in_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        Broker(data=tmp_path, memory=True)


def test_a_broker_runs_again_after_its_end() -> None:
    broker = Broker(memory=True)
    for _ in range(3):
        with broker, WireClient(broker.port) as client:
            [created] = create(client, "t")
            assert created.error_code == 0


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_of_the_page_run(tmp_path: Path, number: int) -> None:
    program = PROGRAMS[number]
    if "def test_" in program:
        done = run_pytest(tmp_path, program)
        assert "1 passed" in done.stdout, done.stdout + done.stderr
    else:
        subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60, cwd=tmp_path)


def test_each_test_has_a_broker_of_its_own(tmp_path: Path) -> None:
    test = """
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

@pytest.mark.parametrize("number", [1, 2])
def test_it(logpost_broker, number):
    admin = AdminClient({"bootstrap.servers": logpost_broker.bootstrap_servers})
    admin.create_topics([NewTopic("t", 1, 1)])["t"].result(60)
"""
    done = run_pytest(tmp_path, test)
    assert "2 passed" in done.stdout, done.stdout


def test_the_plugin_imports_nothing_before_its_fixture_is_used() -> None:
    program = (
        f"import pytest, sys; before = set(sys.modules); import {PLUGIN}; "
        f"print(*sorted(set(sys.modules) - before - {{'logpost_broker', {PLUGIN!r}}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == ""


def test_without_the_broker_pytest_goes_on_and_the_fixture_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['kio'] = None\n")
    done = run_pytest(tmp_path, "def test_other():\n    pass\n\ndef test_it(logpost_broker):\n    pass\n")
    assert "1 passed, 1 error" in done.stdout, done.stdout
    assert "pip install 'logpost[broker]'" in done.stdout


def test_the_plugin_is_registered() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}

"""`logpost topics` as its users type it, against a real broker."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import Producer

from logpost_broker import Broker
from tests.support.processes import free_port, run

Topics = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def topics(broker: Broker) -> Topics:
    """Runs `logpost topics …` against the broker."""
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    return lambda *arguments: run("topics", *arguments, environment=environment)


def succeeded(ended: subprocess.CompletedProcess[str]) -> str:
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def failed(ended: subprocess.CompletedProcess[str]) -> str:
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def test_a_topic_is_created_with_its_settings_described_and_deleted(topics: Topics) -> None:
    created = topics("create", "letters", "--partitions", "2", "--set", "retention.ms=60000")
    assert succeeded(created) == "created topic letters\n"
    assert succeeded(topics("list")).splitlines() == ["TOPIC    PARTITIONS", "letters  2"]
    assert succeeded(topics("produce", "--key", "k", "letters", "one", "two")) == "delivered 2 messages to letters\n"
    partitions, settings = succeeded(topics("describe", "letters")).split("\n\n")
    offsets = [line.split() for line in partitions.splitlines()[1:]]
    assert sorted(row[1:] for row in offsets) == [["0", "0"], ["0", "2"]]
    assert settings.split() == ["SETTING", "VALUE", "retention.ms", "60000"]
    assert succeeded(topics("delete", "letters")) == "deleted topic letters\n"
    assert succeeded(topics("list")) == "TOPIC  PARTITIONS\n"


def test_what_the_broker_refuses_is_said_in_a_line(topics: Topics) -> None:
    succeeded(topics("create", "letters"))
    assert failed(topics("create", "letters")) == "logpost: topic 'letters' already exists\n"
    assert "unknown topic config name: no.such" in failed(topics("create", "others", "--set", "no.such=1"))
    missing = "logpost: there is no topic parcels: `logpost topics list` names those that are there\n"
    for action in ("describe", "delete", "consume"):
        assert failed(topics(action, "parcels")) == missing
    assert "parcels" not in succeeded(topics("list")), "a question creates nothing"


@pytest.mark.parametrize("arguments", [("create", "x", "--partitions", "0"), ("create", "x", "--set", "key"), ()])
def test_wrong_usage_is_told(topics: Topics, arguments: tuple[str, ...]) -> None:
    ended = topics(*arguments)
    assert ended.returncode == 2
    assert "error: " in ended.stderr


def test_no_broker_is_one_line_that_says_what_to_do() -> None:
    servers = f"localhost:{free_port()}"
    for arguments in (("list",), ("create", "x"), ("produce", "x", "y"), ("consume", "x")):
        ended = run("topics", *arguments, environment={"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": servers})
        said = (
            f"logpost: no Kafka answers at {servers} (Connection refused): is `logpost up` or `logpost broker` running?"
        )
        assert failed(ended) == said + "\n"


def test_a_server_that_is_no_kafka_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(1024)
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        while client.recv(1024):
                            pass

        threading.Thread(target=answer, daemon=True).start()
        servers = f"127.0.0.1:{listener.getsockname()[1]}"
        ended = run("topics", "list", environment={"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": servers})
        listener.shutdown(socket.SHUT_RDWR)
    why = "what listens there does not speak Kafka's protocol"
    assert failed(ended).startswith(f"logpost: no Kafka answers at {servers} ({why})")


def test_lines_of_the_input_come_out_again_byte_for_byte(topics: Topics, broker: Broker, tmp_path: Path) -> None:
    lines = b"plain\n\xc3\xa4\xff not UTF-8\n\n" + b"".join(b"line %d\n" % number for number in range(3000))
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    command = [sys.executable, "-m", "logpost", "topics"]
    produced = subprocess.run(
        [*command, "produce", "letters"], input=lines, env=environment, capture_output=True, check=True, timeout=60
    )
    assert produced.stdout == b"delivered 3003 messages to letters\n"
    consumed = subprocess.run(
        [*command, "consume", "letters"], env=environment, capture_output=True, check=True, timeout=60
    )
    assert consumed.stdout == lines


def test_a_message_of_the_command_line_may_be_any_bytes(topics: Topics) -> None:
    succeeded(topics("create", "letters"))
    succeeded(topics("produce", "--key", "k\udce9", "letters", "caf\udce9"))
    [message] = map(json.loads, succeeded(topics("consume", "letters", "--json")).splitlines())
    assert (message["key"], message["value"]) == ("k\\xe9", "caf\\xe9")


def test_messages_as_json_have_their_key_and_place(topics: Topics) -> None:
    succeeded(topics("produce", "--key", "ada", "letters", "first", "second", "third"))
    shown = [
        json.loads(line) for line in succeeded(topics("consume", "letters", "--json", "--limit", "2")).splitlines()
    ]
    assert [(message["offset"], message["key"], message["value"]) for message in shown] == [
        (0, "ada", "first"),
        (1, "ada", "second"),
    ]


def test_following_waits_for_what_comes(topics: Topics, broker: Broker) -> None:
    succeeded(topics("produce", "letters", "before"))
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    command = [sys.executable, "-m", "logpost", "topics", "consume", "letters", "--follow", "--limit", "2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "before\n"
        succeeded(topics("produce", "letters", "after"))
        assert following.stdout.readline() == "after\n"
        assert following.wait(60) == 0


def test_a_message_that_no_broker_takes_is_an_error_that_tells_what_went_before_it(
    topics: Topics, broker: Broker
) -> None:
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    command = [sys.executable, "-m", "logpost", "topics", "produce", "letters"]
    lines = "small\n" + "x" * 2_000_000 + "\n"
    ended = subprocess.run(command, input=lines, env=environment, capture_output=True, text=True, timeout=60)
    assert failed(ended) == "logpost: letters: Broker: Message size too large (delivered before: 1)\n"
    assert succeeded(topics("consume", "letters")) == "small\n"


def test_only_what_is_new_is_shown(topics: Topics, broker: Broker) -> None:
    succeeded(topics("produce", "letters", "old"))
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    command = [sys.executable, "-m", "logpost", "topics", "consume", "letters", "--new", "--limit", "1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as reading:
        while reading.poll() is None:  # where it begins is nowhere to be seen from outside
            succeeded(topics("produce", "letters", "new"))
        assert reading.communicate(timeout=60)[0] == "new\n"
    assert reading.returncode == 0


def test_aborted_messages_are_not_shown(topics: Topics, broker: Broker) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "t"})
    producer.init_transactions()
    for text, end in (("aborted", producer.abort_transaction), ("committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce("letters", text)
        producer.flush()
        end()
    assert succeeded(topics("consume", "letters")) == "committed\n"

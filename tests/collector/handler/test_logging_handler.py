"""LogpostHandler against a real broker: what a program logs is in the topic, and the program never waits."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import multiprocessing
import queue
import random
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

import logpost
from logpost.config import KafkaConfig
from logpost.errors import ConfigError
from logpost.handler import LogpostHandler
from logpost.handler.logging_handler import kafka_config, program_name
from logpost.handler.outbox import DROPPED
from logpost_broker.broker import EMBEDDED, Broker
from tests.collector.handler.programs import FORK_WARNING, run
from tests.collector.handler.topics import Topic
from tests.support.processes import Part, free_port

Make = Callable[..., LogpostHandler]


@pytest.fixture
def make(topic: Topic) -> Iterator[Make]:
    """Makes handlers that write to the test's topic, and closes them."""
    made: list[LogpostHandler] = []

    def make(**settings: object) -> LogpostHandler:
        defaults = {
            "bootstrap_servers": topic.servers,
            "topic": topic.name,
            "service": "shop",
            "host": "web-1",
            "flush_seconds": 60,
        }
        made.append(LogpostHandler(**{**defaults, **settings}))  # type: ignore[arg-type]  # the test's own settings
        return made[-1]

    yield make
    for handler in made:
        handler.close()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of its own, so that nothing else writes to its handlers."""
    logger = logging.getLogger(f"shop.{uuid.uuid4().hex}")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def test_a_log_record_arrives_with_extra_and_exception(make: Make, log: logging.Logger, topic: Topic) -> None:
    log.addHandler(make())
    log.warning("order %d failed", 17, extra={"order": 17, "user": {"name": "Ada"}, "trace_id": "aa", "span_id": "bb"})
    try:
        raise LookupError("no such cart")
    except LookupError:
        log.exception("cart")
    order, cart = topic.read(2)
    assert (order.message, order.level, order.service, order.host) == ("order 17 failed", "warn", "shop", "web-1")
    assert (order.trace_id, order.span_id) == ("aa", "bb")
    assert (order.attrs["order"], order.attrs["user"]) == (17, {"name": "Ada"})
    assert (order.attrs["logger"], order.attrs["code.file.path"]) == (log.name, __file__)
    assert order.attrs["code.function.name"] == "test_a_log_record_arrives_with_extra_and_exception"
    assert (cart.message, cart.level) == ("cart", "error")
    assert (cart.attrs["exception.type"], cart.attrs["exception.message"]) == ("LookupError", "no such cart")
    assert "Traceback" in str(cart.attrs["exception.stacktrace"])


def test_records_are_numbered_in_one_stream_under_the_key_of_host_and_service(
    make: Make, log: logging.Logger, topic: Topic
) -> None:
    log.addHandler(make())
    for number in range(1000):
        log.info("message %d", number)
    records = topic.read(1000)
    assert [record.message for record in records] == [f"message {number}" for number in range(1000)]
    assert topic.ranges(records) == [(number, number + 1) for number in range(1000)]
    assert topic.streams(records) == 1
    assert topic.keys == {b"web-1/shop"}


def test_flush_waits_for_the_broker(make: Make, log: logging.Logger, topic: Topic) -> None:
    handler = make()
    log.addHandler(handler)
    log.info("hi")
    handler.flush()
    assert handler.pending == 0
    assert [record.message for record in topic.read(1)] == ["hi"]


def test_a_closed_handler_ignores_records_and_can_be_closed_again(
    make: Make, log: logging.Logger, topic: Topic
) -> None:
    handler = make()
    log.addHandler(handler)
    log.info("before")
    handler.close()
    log.info("after")
    handler.close()
    assert (handler.pending, [record.message for record in topic.read(1)]) == (0, ["before"])


def test_the_topic_is_made_as_the_agent_makes_it(make: Make, log: logging.Logger, topic: Topic) -> None:
    log.addHandler(make())
    log.info("first")
    topic.read(1)
    assert topic.partitions() == KafkaConfig().partitions


def test_dict_config_builds_the_handler(log: logging.Logger, topic: Topic) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "logpost": {
                    "class": "logpost.LogpostHandler",
                    "service": "shop",
                    "bootstrap_servers": topic.servers,
                    "topic": topic.name,
                    "level": "INFO",
                }
            },
            "loggers": {log.name: {"handlers": ["logpost"]}},
        }
    )
    [handler] = log.handlers
    assert type(handler) is logpost.LogpostHandler
    log.debug("below the level")
    log.info("hi")
    assert [(record.message, record.service) for record in topic.read(1)] == [("hi", "shop")]


def test_behind_a_queue_handler_the_records_arrive(make: Make, log: logging.Logger, topic: Topic) -> None:
    between: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(between, make())
    log.addHandler(logging.handlers.QueueHandler(between))
    listener.start()
    try:
        raise LookupError("no such cart")
    except LookupError:
        log.exception("cart", extra={"order": 17})
    listener.stop()
    [record] = topic.read(1)
    # A QueueHandler turns the exception into text before it hands the record on.
    assert record.message.startswith("cart\nTraceback")
    assert record.attrs["order"] == 17


def test_arguments_that_do_not_fit_are_reported_as_logging_does_and_shipped(
    make: Make, topic: Topic, capsys: pytest.CaptureFixture[str]
) -> None:
    make().handle(logging.LogRecord("shop", logging.INFO, "x.py", 1, "order %d failed", ("seventeen",), None))
    assert [record.message for record in topic.read(1)] == ["order %d failed ('seventeen',)"]
    assert "--- Logging error ---" in capsys.readouterr().err


def test_what_our_own_client_logs_is_not_shipped(make: Make, topic: Topic) -> None:
    handler = make()
    for name in ("logpost.handler.sender", "confluent_kafka"):
        handler.handle(logging.LogRecord(name, logging.ERROR, "x.py", 1, "about myself", None, None))
    handler.handle(logging.LogRecord("shop", logging.ERROR, "x.py", 1, "about the shop", None, None))
    assert [record.message for record in topic.read(1)] == ["about the shop"]


SHORT = """
    import logging, logging.config
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"logpost": {"class": "logpost.LogpostHandler", "service": "short", "flush_seconds": 20}},
        "root": {"handlers": ["logpost"], "level": "INFO"},
    })
    for number in range(500):
        logging.info("message %d", number)
"""


def test_nothing_is_lost_when_a_short_program_ends(topic: Topic) -> None:
    ended = run(SHORT, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [record.message for record in topic.read(500)] == [f"message {number}" for number in range(500)]


def test_nothing_is_lost_when_a_program_ends_by_an_exception(topic: Topic) -> None:
    ended = run(SHORT + "    raise SystemExit(3)\n", topic)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert len(topic.read(500)) == 500


def test_import_and_construction_start_no_thread_and_reach_no_network(topic: Topic) -> None:
    script = """
        import threading
        from logpost import LogpostHandler
        LogpostHandler(bootstrap_servers="192.0.2.1:9092", queue_size=1)
        assert threading.active_count() == 1, threading.enumerate()
    """
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")


def log_in_child(logger: logging.Logger) -> None:
    logger.info("from the child")
    logging.shutdown()


@pytest.mark.filterwarnings(FORK_WARNING)
def test_a_forked_process_has_a_stream_of_its_own(make: Make, log: logging.Logger, topic: Topic) -> None:
    log.addHandler(make())
    log.info("before the fork")
    process: BaseProcess = multiprocessing.get_context("fork").Process(target=log_in_child, args=(log,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    log.info("after the fork")
    records = topic.read(3)
    by_message = {record.message: record for record in records}
    assert set(by_message) == {"before the fork", "from the child", "after the fork"}
    assert topic.streams(records) == 2
    parents = [by_message["before the fork"], by_message["after the fork"]]
    assert topic.ranges(parents) == [(0, 1), (1, 2)]
    assert topic.ranges([by_message["from the child"]]) == [(0, 1)]
    assert by_message["from the child"].attrs["process.name"] == process.name


def test_a_child_of_os_fork_logs_and_ends_like_any_program(topic: Topic) -> None:
    """The parent forks while its producer is at work; the child goes through the whole end of the interpreter."""
    script = """
        import logging, os, sys
        from logpost import LogpostHandler
        logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="fork", flush_seconds=20)])
        children = []
        for number in range(5):
            logging.info("parent %d", number)
            child = os.fork()
            if child == 0:
                logging.info("child %d", number)
                sys.exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
    """
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    records = topic.read(10)
    assert sorted(record.message for record in records) == sorted(
        f"{who} {number}" for who in ("parent", "child") for number in range(5)
    )
    assert topic.streams(records) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="looks at threads in /proc")
def test_no_thread_of_the_client_lives_while_a_process_forks(topic: Topic) -> None:
    """One of them might hold a lock of glibc's resolver, which would stay taken in the child."""
    script = """
        import logging, os, sys
        from pathlib import Path
        def threads():
            return [task.read_text() for task in Path("/proc/self/task").glob("*/comm")]
        at_fork = []
        # Hooks that come first run last.
        os.register_at_fork(before=lambda: at_fork.extend(threads()))
        from logpost import LogpostHandler
        handler = LogpostHandler(service="fork", flush_seconds=20)
        logging.basicConfig(level=logging.INFO, handlers=[handler])
        logging.info("before")
        handler.flush()
        assert any("rdk:" in name for name in threads())
        child = os.fork()
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
        logging.info("after")
        assert at_fork and not any("rdk:" in name for name in at_fork), at_fork
    """
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [record.message for record in topic.read(2)] == ["before", "after"]


def test_without_a_broker_the_program_goes_on_and_memory_is_bounded(make: Make, log: logging.Logger) -> None:
    handler = make(bootstrap_servers=f"127.0.0.1:{free_port()}", queue_size=100, flush_seconds=0.1)
    log.addHandler(handler)
    for number in range(1000):
        log.info("message %d", number)
    assert handler.dropped == 900
    assert handler.pending <= 101
    handler.close()


def test_without_a_broker_a_program_ends_in_time_and_says_what_is_lost(topic: Topic) -> None:
    script = SHORT.replace('"flush_seconds": 20', '"flush_seconds": 2.5')
    ended = run(script, topic, LOGPOST_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert ended.returncode == 0
    assert "Connection refused" in ended.stderr
    assert "500 log records not delivered to 127.0.0.1:1 within 2.5 s" in ended.stderr


def test_when_the_broker_comes_the_drops_are_told(make: Make, log: logging.Logger, tmp_path: Path) -> None:
    port = free_port()
    servers = f"127.0.0.1:{port}"
    handler = make(bootstrap_servers=servers, topic="logs", queue_size=100, flush_seconds=30)
    log.addHandler(handler)
    for number in range(1000):
        log.info("message %d", number)
    settings = {"data": tmp_path, "broker.port": port, "broker.metrics_port": 0}
    with Part("broker", settings=settings).start():
        handler.flush()
        log.info("after")
        handler.flush()
        records = Topic(servers, "logs").read(102)
    told = [record for record in records if DROPPED in record.attrs]
    assert [record.attrs[DROPPED] for record in told] == [900]
    assert told[0].message.startswith("900 log records dropped between ")
    assert Topic.ranges(records) == [*((number, number + 1) for number in range(100)), (100, 1000), (1000, 1001)]
    assert handler.dropped == 900


@pytest.mark.parametrize("size", [5_000, 10_000_000], ids=["by the broker", "by the client"])
def test_a_record_that_is_too_large_is_replaced_by_one_that_says_so(
    make: Make, log: logging.Logger, topic: Topic, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    topic.create(max_message_bytes=1000)
    handler = make()
    log.addHandler(handler)
    noise = random.Random(1)
    log.info("large", extra={f"part{part}": noise.randbytes(size // 100).hex() for part in range(50)})
    handler.flush()
    log.info("small")
    large, small = topic.read(2)
    assert large.message == "1 log record dropped: the broker refused it (MSG_SIZE_TOO_LARGE)"
    assert (large.attrs, small.message, handler.dropped) == ({DROPPED: 1}, "small", 1)
    assert topic.ranges([large, small]) == [(0, 1), (1, 2)]
    assert "too large" in capsys.readouterr().err


def test_a_batch_that_is_too_large_loses_no_record(make: Make, log: logging.Logger, topic: Topic) -> None:
    """The broker refuses all records of a batch, although each of them by itself is small enough."""
    topic.create(max_message_bytes=2000)
    handler = make()
    log.addHandler(handler)
    noise = random.Random(1)
    texts = [noise.randbytes(100).hex() for _ in range(200)]
    for text in texts:
        log.info("%s", text)
    handler.flush()
    assert sorted(record.message for record in topic.read(200)) == sorted(texts)
    assert (handler.pending, handler.dropped) == (0, 0)


def test_a_client_that_gave_up_is_started_again(make: Make, log: logging.Logger, tmp_path: Path) -> None:
    """A broker whose disk was put back to an older state: to an idempotent producer this is fatal."""
    config = msgspec.structs.replace(EMBEDDED, port=free_port())
    servers = f"127.0.0.1:{config.port}"
    handler = make(bootstrap_servers=servers, topic="logs", flush_seconds=60)
    log.addHandler(handler)
    for number in range(2):
        with Broker(config, tmp_path / "broker"):
            log.info("%d", number)
            handler.flush()
        if number == 0:
            shutil.copytree(tmp_path / "broker", tmp_path / "older")
    with Broker(config, tmp_path / "older"):
        for number in range(2, 50):
            log.info("%d", number)
        handler.flush()
        assert (handler.pending, handler.dropped) == (0, 0)
        arrived = {record.message for record in Topic(servers, "logs").read(49)}
    assert arrived == {"0", *(str(number) for number in range(2, 50))}


def test_a_broker_that_lost_its_disk_gets_what_is_logged_since(make: Make, log: logging.Logger, tmp_path: Path) -> None:
    """Its topic is gone, and with it the partitions and the sequence numbers that the producer knew."""
    settings = {"broker.port": free_port(), "broker.metrics_port": 0}
    servers = f"127.0.0.1:{settings['broker.port']}"
    handler = make(bootstrap_servers=servers, topic="logs", flush_seconds=30)
    log.addHandler(handler)
    for life in range(2):
        with Part("broker", settings={"data": tmp_path / str(life), **settings}).start():
            log.info("life %d", life)
            handler.flush()
            assert [record.message for record in Topic(servers, "logs").read(1)] == [f"life {life}"]
    assert (handler.pending, handler.dropped) == (0, 0)


def test_settings_come_from_arguments_before_the_environment() -> None:
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": "a:1", "LOGPOST_KAFKA_SECURITY_PROTOCOL": "SSL", "HOME": "/"}
    assert kafka_config({}, None, None) == KafkaConfig()
    assert kafka_config(environment, None, None) == KafkaConfig(bootstrap_servers="a:1", security_protocol="SSL")
    assert kafka_config(environment, "b:2", "logs-shop").bootstrap_servers == "b:2"
    assert kafka_config(environment, "b:2", "logs-shop").topic == "logs-shop"


@pytest.mark.parametrize(
    ("variable", "value"), [("LOGPOST_KAFKA_SECURITY_PROTOCOL", "TLS"), ("LOGPOST_KAFKA_BOOTSTRAP_SERVER", "a:1")]
)
def test_a_wrong_setting_is_an_error_at_construction(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match="LOGPOST_KAFKA_"):
        kafka_config({variable: value}, None, None)


def test_a_queue_without_room_is_an_error() -> None:
    with pytest.raises(ConfigError, match="queue_size = 0"):
        LogpostHandler(queue_size=0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/opt/shop/main.py"], "main"),
        (["/opt/shop/__main__.py", "run"], "shop"),
        (["/usr/bin/gunicorn"], "gunicorn"),
        (["-c"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_the_service_is_the_name_of_the_program(arguments: list[str], name: str) -> None:
    assert program_name(arguments) == name


def test_a_record_without_a_name_arrives(make: Make, topic: Topic) -> None:
    """As `logging.makeLogRecord` makes it of what came over a socket."""
    handler = make()
    handler.handle(logging.makeLogRecord({"msg": "nameless", "levelno": logging.INFO}))
    handler.flush()
    assert [record.message for record in topic.read(1)] == ["nameless"]

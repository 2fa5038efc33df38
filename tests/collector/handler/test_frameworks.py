"""Fields of structlog and loguru arrive as fields; a program of gevent goes on while there is no broker."""

from __future__ import annotations

import json

import pytest

from logpost.handler.frameworks import told
from logpost.record import Record
from tests.collector.handler.programs import run
from tests.collector.handler.topics import Topic

STRUCTLOG = """
    import logging, structlog
    from logpost import LogpostHandler
    logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="fields", flush_seconds=20)])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            %s,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log = structlog.get_logger("shop.cart").bind(order=17, user={"name": "Ada"}, trace_id="aa")
    log.warning("order late")
    try:
        {}["cart"]
    except KeyError:
        log.exception("no cart")
"""
RENDERERS = {
    "for a formatter": "structlog.stdlib.ProcessorFormatter.wrap_for_formatter",
    "exception as text": "structlog.processors.format_exc_info, structlog.stdlib.ProcessorFormatter.wrap_for_formatter",
    "JSON": "structlog.processors.format_exc_info, structlog.processors.JSONRenderer()",
    "arguments": "structlog.stdlib.render_to_log_kwargs",
}
LOGURU = """
    import logging
    from logpost import LogpostHandler
    from loguru import logger
    logger.remove()
    logger.add(LogpostHandler(service="fields", flush_seconds=20)%s)
    log = logger.bind(order=17, user={"name": "Ada"}, trace_id="aa")
    log.warning("order {}", "late")
    try:
        {}["cart"]
    except KeyError:
        log.exception("no cart")
"""
PROPAGATED = """
    import logging
    from logpost import LogpostHandler
    from loguru import logger
    logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="fields", flush_seconds=20)])
    class Propagating(logging.Handler):
        def emit(self, record):
            logging.getLogger(record.name).handle(record)
    logger.remove()
    logger.add(Propagating(), format="{message}")
    log = logger.bind(order=17, user={"name": "Ada"}, trace_id="aa")
    log.warning("order late")
    try:
        {}["cart"]
    except KeyError:
        log.exception("no cart")
"""


def check(records: list[Record], logger: str) -> None:
    late, missing = sorted(records, key=lambda record: record.ts)
    for record in (late, missing):
        assert (record.attrs["order"], record.attrs["user"], record.trace_id) == (17, {"name": "Ada"}, "aa")
        assert record.attrs["logger"] == logger
        assert not {"extra", "event", "trace_id", "_logger", "_name", "exc_info"} & set(record.attrs)
    assert (late.message, late.level, missing.message, missing.level) == ("order late", "warn", "no cart", "error")
    assert missing.attrs["exception.type"] == "KeyError"
    assert "KeyError: 'cart'" in str(missing.attrs["exception.stacktrace"])


@pytest.mark.parametrize("renderer", RENDERERS.values(), ids=RENDERERS)
def test_fields_of_structlog_are_attributes(topic: Topic, renderer: str) -> None:
    ended = run(STRUCTLOG % renderer, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    check(topic.read(2), "shop.cart")


LOGURUS = {
    "default format": LOGURU % "",
    "own format": LOGURU % ', format="{message}"',
    "propagated": PROPAGATED,
}


@pytest.mark.parametrize("script", LOGURUS.values(), ids=LOGURUS)
def test_fields_of_loguru_are_attributes(topic: Topic, script: str) -> None:
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    check(topic.read(2), "__main__")


@pytest.mark.parametrize(
    "message", ['{not json} "event"', json.dumps({"event": 5}), json.dumps(["event"]), json.dumps({"order": 17})]
)
def test_a_text_that_only_looks_like_an_event_stays_text(message: str) -> None:
    assert told(message, (), {"a": 1}).message is None


def test_a_dictionary_without_a_message_is_shown_and_its_keys_are_attributes() -> None:
    said = told({"order": 17}, None, {"cart": 3})
    assert (said.message, said.fields) == ({"order": 17}, {"order": 17, "cart": 3})


def test_a_program_of_gevent_is_not_frozen_while_there_is_no_broker(topic: Topic) -> None:
    """librdkafka waits for a broker a second at a time; on a thread of gevent's, that would be all of them."""
    script = """
        from gevent import monkey
        monkey.patch_all()
        import logging, time, gevent
        from logpost import LogpostHandler
        logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="gevent", flush_seconds=0.1)])
        stalls = 0
        end = time.monotonic() + 3
        while (now := time.monotonic()) < end:
            logging.info("tick")
            gevent.sleep(0.01)
            stalls += time.monotonic() - now > 0.9
        print(stalls)
    """
    ended = run(script, topic, LOGPOST_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) < 2  # a busy machine may cause one


def test_records_of_greenlets_arrive_with_those_of_a_forked_child(topic: Topic) -> None:
    script = """
        from gevent import monkey
        monkey.patch_all()
        import logging, os, gevent
        from logpost import LogpostHandler
        logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="gevent", flush_seconds=20)])
        gevent.joinall([gevent.spawn(logging.info, "greenlet %d", number) for number in range(5)])
        if os.fork() == 0:
            logging.info("child")
            os._exit(0)
        os.wait()
    """
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(record.message for record in topic.read(6)) == ["child", *(f"greenlet {n}" for n in range(5))]

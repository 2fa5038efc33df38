"""A LogRecord becomes our record, whatever the application put into it."""

from __future__ import annotations

import datetime
import decimal
import enum
import logging
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.handler.records import level_of, record_of
from logpost.handler.values import MAX_DEPTH, MAX_TEXT, Values
from logpost.record import Record


def made(level: int = logging.INFO, message: str = "hi", **attributes: object) -> Record:
    fields = {"name": "shop.cart", "levelno": level, "pathname": "/opt/cart.py", "lineno": 7, "funcName": "add"}
    fields |= {"created": 1795344667.123456, "threadName": "MainThread", "processName": "MainProcess", **attributes}
    record = record_of(logging.makeLogRecord({"msg": message, **fields}), host="web-1", service="shop")
    msgspec.json.encode(record)
    return record


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Colour(enum.IntEnum):
    RED = 1


def test_a_record_says_when_where_and_what() -> None:
    assert made() == Record(
        ts="2026-11-22T10:51:07.123456000Z",
        host="web-1",
        service="shop",
        level="info",
        message="hi",
        attrs={
            "logger": "shop.cart",
            "code.file.path": "/opt/cart.py",
            "code.line.number": 7,
            "code.function.name": "add",
        },
    )


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (0, ""),
        (5, "trace"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warn"),
        (40, "error"),
        (50, "fatal"),
        (99, "fatal"),
    ],
)
def test_custom_levels_fall_to_the_level_below(number: int, level: str) -> None:
    assert level_of(number) == level


def test_another_thread_or_process_is_named() -> None:
    attrs = made(threadName="worker-1", processName="ForkProcess-1").attrs
    assert (attrs["thread.name"], attrs["process.name"]) == ("worker-1", "ForkProcess-1")


def test_extra_becomes_attributes_and_the_trace_becomes_fields() -> None:
    record = made(order=17, user={"name": "Ada", "tags": ("a", "b")}, trace_id="aa", span_id="bb")
    assert (record.trace_id, record.span_id) == ("aa", "bb")
    assert (record.attrs["order"], record.attrs["user"]) == (17, {"name": "Ada", "tags": ["a", "b"]})
    assert "trace_id" not in record.attrs


def test_the_trace_that_opentelemetry_sets_is_read_and_its_zero_is_none() -> None:
    assert made(otelTraceID="aa", otelSpanID="bb").trace_id == "aa"
    record = made(otelTraceID="0", otelSpanID="0")
    assert (record.trace_id, record.span_id) == ("", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**63, str(2**63)),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1.5, 1.5),
        (Colour.RED, 1),
        ({1: {2}}, {"1": [2]}),
        (b"raw", "b'raw'"),
        (datetime.date(2026, 11, 22), "2026-11-22"),
        (decimal.Decimal("1.10"), "1.10"),
        ("\ud800", "\\ud800"),
        (Hostile(), "<Hostile>"),
        ({"a": Hostile()}, {"a": "<Hostile>"}),
        ({Hostile(): 1}, {"<Hostile>": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_does_not_know_becomes_text(value: object, expected: object) -> None:
    assert made(value=value).attrs["value"] == expected


def test_a_list_that_holds_itself_ends_at_the_deepest_level() -> None:
    endless: list[object] = [1]
    endless.append(endless)
    found: object = Values().plain(endless, "endless")
    for _ in range(MAX_DEPTH):
        assert isinstance(found, list)
        assert found[0] == 1
        found = found[1]
    assert isinstance(found, str)


def test_an_exception_is_three_attributes() -> None:
    try:
        raise LookupError("no such cart")
    except LookupError:
        attrs = made(exc_info=sys.exc_info()).attrs
    assert (attrs["exception.type"], attrs["exception.message"]) == ("LookupError", "no such cart")
    stack = attrs["exception.stacktrace"]
    assert isinstance(stack, str)
    assert stack.startswith("Traceback (most recent call last):")
    assert stack.endswith("LookupError: no such cart")


def test_an_exception_that_cannot_be_shown_is_named() -> None:
    class MuteError(Exception):
        __str__ = Hostile.__str__

    try:
        raise MuteError
    except MuteError:
        attrs = made(exc_info=sys.exc_info()).attrs
    assert str(attrs["exception.type"]).endswith("test_an_exception_that_cannot_be_shown_is_named.<locals>.MuteError")
    assert (attrs["exception.message"], attrs["not_encoded"]) == ("MuteError()", "exception.message: RuntimeError")


@pytest.mark.parametrize(
    ("message", "arguments", "read", "unreadable"),
    [
        ("order of %s failed", (Hostile(),), "order of <Hostile> failed", "args[0]: RuntimeError"),
        ("%s and %r of %d", ("a", Hostile(), 3), "a and '<Hostile>' of 3", "args[1]: RuntimeError"),
        ("cart %s", ([1, Hostile()],), "cart [1, '<Hostile>']", "args[0]: RuntimeError, args[0][1]: RuntimeError"),
        ("order of %(who)s", ({"who": Hostile()},), "order of <Hostile>", "args.who: RuntimeError"),
        ("%d orders", (Hostile(),), "%d orders ('<Hostile>',)", "args[0]: RuntimeError"),
        (Hostile(), (), "<Hostile>", "message: RuntimeError"),
        (Hostile(), (1,), "<Hostile> (1,)", "message: RuntimeError"),
    ],
)
def test_a_message_that_cannot_be_read_is_sent_with_what_can(
    message: object, arguments: tuple[object, ...], read: str, unreadable: str
) -> None:
    misfits: list[logging.LogRecord] = []
    record = logging.LogRecord("shop", 20, "x.py", 1, message, arguments, None)
    made = record_of(record, host="web-1", service="shop", on_misfit=misfits.append)
    assert (made.message, made.attrs["not_encoded"], misfits) == (read, unreadable, [])


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"cart": {"items": [Hostile()]}}, "cart.items[0]"),
        ({"created": "yesterday"}, "created"),
        ({"created": 1e30}, "created"),
        ({"created": float("nan")}, "created"),
        ({"name": Hostile()}, "name"),
        ({"lineno": Hostile()}, "lineno"),
        ({"stack_info": Hostile()}, "stack_info"),
        ({"exc_text": Hostile()}, "exc_text"),
    ],
)
def test_what_cannot_be_read_beside_the_message_is_named(attributes: dict[str, object], name: str) -> None:
    record = made(**attributes)  # type: ignore[arg-type]  # as an application would
    assert str(record.attrs["not_encoded"]).startswith(f"{name}: ")


@pytest.mark.parametrize("given", [True, "yes", (1, 2), (ValueError, "x", None), 17])
def test_exc_info_that_is_none_costs_nothing(given: object) -> None:
    assert "exception.type" not in made(exc_info=given).attrs


def test_exc_info_may_be_the_exception_itself() -> None:
    assert made(exc_info=LookupError("no such cart")).attrs["exception.message"] == "no such cart"


def test_exc_info_without_an_exception_is_no_exception() -> None:
    assert "exception.type" not in made(exc_info=(None, None, None)).attrs


def test_stack_info_is_an_attribute() -> None:
    assert made(stack_info="Stack (most recent call last):\n  x").attrs["code.stacktrace"] == (
        "Stack (most recent call last):\n  x"
    )


def test_a_text_that_is_too_long_is_cut_and_says_so() -> None:
    long = "x" * (MAX_TEXT + 1)
    message, value = made(message=long), made(value=long)
    assert (len(message.message), message.attrs["truncated"]) == (MAX_TEXT, True)
    assert (len(str(value.attrs["value"])), value.attrs["truncated"]) == (MAX_TEXT, True)
    assert "truncated" not in made().attrs


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(Hostile),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.text(),
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda key: key not in vars(logging.makeLogRecord({}))), ANYTHING
    ),
)
def test_any_message_and_any_extra_can_be_encoded(message: str, extra: dict[str, object]) -> None:
    record = logging.makeLogRecord({"msg": message, "levelno": 20, "name": "\ud800"})
    vars(record).update(extra)
    msgspec.json.encode(record_of(record, host="web-1", service="shop"))

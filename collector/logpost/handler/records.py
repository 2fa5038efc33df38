"""A `logging.LogRecord` → our record. Pure; whatever the application put into the record, something comes out."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

from logpost.handler.frameworks import Told, told, without_format
from logpost.handler.values import Values
from logpost.record import Record, format_ts

_STANDARD = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"))
_TRACE_KEYS = ("trace_id", "otelTraceID")  # the second is set by OpenTelemetry's logging instrumentation,
_SPAN_KEYS = ("span_id", "otelSpanID")  # with "0" outside of a span

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def record_of(
    record: logging.LogRecord,
    *,
    host: str,
    service: str,
    now: float = 0.0,
    on_misfit: Callable[[logging.LogRecord], None] = lambda _: None,
) -> Record:
    """`now`: Unix seconds, for a record whose own time cannot be read. `on_misfit` is called, while the exception is
    handled, when the arguments do not fit the message."""
    values = Values()
    extra = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    said = told(record.msg, record.args, extra)
    exception = _exception_info(said.exception) or _exception_info(record.exc_info)
    message = _message(record, said, values, on_misfit)
    trace_id, span_id = _take(said.fields, _TRACE_KEYS, values), _take(said.fields, _SPAN_KEYS, values)
    attrs = _origin(record, values)
    if exception is not None:
        attrs |= _exception(exception, values)
    elif record.exc_text:
        attrs["exception.stacktrace"] = values.text(record.exc_text, "exc_text")
    if record.stack_info:
        attrs["code.stacktrace"] = values.text(record.stack_info, "stack_info")
    for key, value in (said.texts | said.fields).items():
        attrs[values.text(key, "a key")] = values.plain(value, str(key))
    ts = _time(record.created, now, values)
    return Record(
        ts=ts,
        message=message,
        host=host,
        service=service,
        level=level_of(record.levelno),
        trace_id=trace_id,
        span_id=span_id,
        attrs=attrs | values.marks(),
    )


def _message(
    record: logging.LogRecord,
    said: Told,
    values: Values,
    on_misfit: Callable[[logging.LogRecord], None],
) -> str:
    if said.message is not None:
        return values.text(said.message, "message")
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit their format, or cannot be turned into text
        return _readable(record, values, on_misfit)
    if "loguru" in sys.modules:
        origin = f"{record.name}:{record.funcName}:{record.lineno}"
        # Its sink marks a record whose text ends with the traceback already.
        text = without_format(text, record.levelname, origin, has_traceback=record.exc_text == "\n")
    return values.clean(text)


def _readable(record: logging.LogRecord, values: Values, on_misfit: Callable[[logging.LogRecord], None]) -> str:
    """The message with what can be read of it and of its arguments."""
    message = values.text(record.msg, "message")
    given: object = record.args or ()
    arguments: object
    if isinstance(given, dict):
        arguments = {name: values.readable(value, f"args.{name}") for name, value in given.items()}
    else:
        given = given if isinstance(given, tuple) else (given,)
        arguments = tuple(values.readable(value, f"args[{place}]") for place, value in enumerate(given))
    if not values.unreadable:
        on_misfit(record)
    try:
        return values.clean(message % arguments if record.args else message)
    except Exception:  # noqa: BLE001 - as logging itself shows them
        return values.clean(f"{message} {arguments!r}")


def level_of(number: object) -> str:
    """Python's level numbers, with all that programs add between them. 0 is NOTSET."""
    if not isinstance(number, int | float):
        return ""
    for lowest, level in ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug"), (1, "trace")):
        if number >= lowest:
            return level
    return ""


def _time(created: object, now: float, values: Values) -> str:
    try:
        # A double holds the seconds of today to a quarter of a microsecond.
        return format_ts(round(float(created) * 1_000_000) * 1000)  # type: ignore[arg-type]  # caught if it is none
    except (TypeError, ValueError, OverflowError, OSError) as error:
        values.unreadable["created"] = type(error).__name__
        return format_ts(round(now * 1_000_000) * 1000)


def _origin(record: logging.LogRecord, values: Values) -> dict[str, object]:
    """Where the record comes from, under OpenTelemetry's names. Main thread and main process go without saying."""
    attrs: dict[str, object] = {
        "logger": values.text(record.name, "name"),
        "code.file.path": values.text(record.pathname, "pathname"),
        "code.line.number": values.plain(record.lineno, "lineno"),
    }
    if record.funcName:
        attrs["code.function.name"] = values.text(record.funcName, "funcName")
    if record.threadName and record.threadName != "MainThread":
        attrs["thread.name"] = values.text(record.threadName, "threadName")
    if record.processName and record.processName != "MainProcess":
        attrs["process.name"] = values.text(record.processName, "processName")
    return attrs


def _exception_info(given: object) -> ExceptionInfo | None:
    """`exc_info` in all the forms that logging calls take; None for no exception."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple) and len(given) == 3 and isinstance(given[1], BaseException):
        return type(given[1]), given[1], given[2]
    if given is True:
        return _exception_info(sys.exc_info())
    return None


def _exception(info: ExceptionInfo, values: Values) -> dict[str, object]:
    kind, error, _ = info
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stack = "".join(traceback.format_exception(*info)).rstrip("\n")
    except Exception as failure:  # noqa: BLE001 - exceptions of applications may fail in __str__ or __cause__
        values.unreadable["exception.stacktrace"] = type(failure).__name__
        stack = name
    message = values.text(error, "exception.message")
    return {"exception.type": name, "exception.message": message, "exception.stacktrace": values.clean(stack)}


def _take(fields: dict[str, object], keys: tuple[str, ...], values: Values) -> str:
    found = ""
    for key in keys:
        if key in fields:
            value = values.plain(fields.pop(key), key)
            found = found or (str(value) if value not in (None, "", "0", 0) else "")
    return found

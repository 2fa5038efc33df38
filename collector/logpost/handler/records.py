"""A `logging.LogRecord` → our record. Pure; whatever the application put into the record, something comes out."""

from __future__ import annotations

import logging
import math
import traceback
from types import TracebackType

from logpost.record import Record, format_ts

MAX_TEXT = 256 * 1024
"""Characters of a message or attribute; a longer one is cut, and `truncated` says so."""
MAX_DEPTH = 8
"""Levels of nested attributes; what lies deeper is written as text."""
_INT64 = range(-(2**63), 2**63)
_STANDARD = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"))
_TRACE_KEYS = ("trace_id", "otelTraceID")  # the second is set by OpenTelemetry's logging instrumentation,
_SPAN_KEYS = ("span_id", "otelSpanID")  # with "0" outside of a span

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def record_of(record: logging.LogRecord, message: str, *, host: str, service: str) -> Record:
    """`message` is the record's text, already merged with its arguments."""
    extra = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    trace_id, span_id = _take(extra, _TRACE_KEYS), _take(extra, _SPAN_KEYS)
    attrs = _origin(record)
    if record.exc_info and record.exc_info[1] is not None:
        attrs |= _exception(record.exc_info)
    elif record.exc_text:
        attrs["exception.stacktrace"] = clean(record.exc_text)
    if record.stack_info:
        attrs["code.stacktrace"] = clean(record.stack_info)
    for key, value in extra.items():
        attrs[clean(key)] = plain(value)
    if len(message) > MAX_TEXT or any(isinstance(text, str) and len(text) == MAX_TEXT for text in attrs.values()):
        attrs["truncated"] = True
    return Record(
        # A double holds the seconds of today to a quarter of a microsecond.
        ts=format_ts(round(record.created * 1_000_000) * 1000),
        message=clean(message),
        host=host,
        service=service,
        level=level_of(record.levelno),
        trace_id=trace_id,
        span_id=span_id,
        attrs=attrs,
    )


def level_of(number: int) -> str:
    """Python's level numbers, with all that programs add between them. 0 is NOTSET."""
    for lowest, level in ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug"), (1, "trace")):
        if number >= lowest:
            return level
    return ""


def _origin(record: logging.LogRecord) -> dict[str, object]:
    """Where the record comes from, under OpenTelemetry's names. Main thread and main process go without saying."""
    attrs: dict[str, object] = {
        "logger": clean(record.name),
        "code.file.path": clean(record.pathname),
        "code.line.number": record.lineno,
    }
    if record.funcName:
        attrs["code.function.name"] = record.funcName
    if record.threadName and record.threadName != "MainThread":
        attrs["thread.name"] = clean(record.threadName)
    if record.processName and record.processName != "MainProcess":
        attrs["process.name"] = clean(record.processName)
    return attrs


def _exception(info: ExceptionInfo | tuple[None, None, None]) -> dict[str, object]:
    kind, error, _ = info
    assert kind is not None
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stack = "".join(traceback.format_exception(*info)).rstrip("\n")
    except Exception:  # noqa: BLE001 - exceptions of applications may fail in __str__ or __cause__
        stack = name
    return {"exception.type": name, "exception.message": _text(error), "exception.stacktrace": clean(stack)}


def _take(extra: dict[str, object], keys: tuple[str, ...]) -> str:
    found = ""
    for key in keys:
        if key in extra:
            value = plain(extra.pop(key))
            found = found or (str(value) if value not in (None, "", "0", 0) else "")
    return found


def plain(value: object, depth: int = MAX_DEPTH) -> object:
    """A copy of `value` that is JSON: what JSON does not know becomes text."""
    try:
        return _plain(value, depth)
    except Exception:  # noqa: BLE001 - an object of the application may fail in any way
        return _text(value)


def _plain(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(str.__str__(value))
    if isinstance(value, int) and int(value) in _INT64:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if depth and isinstance(value, dict):
        return {_text(key): plain(inner, depth - 1) for key, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth - 1) for inner in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        return clean(str(value))
    except Exception:  # noqa: BLE001 - as above; its type is all that is known
        return f"<{type(value).__name__}>"


def clean(text: str) -> str:
    """Text that UTF-8 can hold (no lone surrogates), of bounded length."""
    text = text[:MAX_TEXT]
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

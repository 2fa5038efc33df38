"""What structlog and loguru put into a `logging.LogRecord`: their own message, and fields beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

_MESSAGE_KEYS = ("event", "message", "msg")
_STRUCTLOG_OWN = ("_logger", "_name", "_record", "_from_structlog")
_TIME_LENGTH = len("2026-11-30 07:00:00.123")
_decoder = msgspec.json.Decoder(dict[str, object])


@dataclass
class Told:
    """What a record says, taken apart."""

    fields: dict[str, object]
    message: object = None
    """None: the record's own, with its arguments."""
    exception: object = None
    """As `exc_info` of a logging call."""
    texts: dict[str, object] = field(default_factory=dict)
    """Attributes that stand for something the framework has made text of already."""


def told(message: object, arguments: object, extra: dict[str, object]) -> Told:
    """`message`, `arguments`: the record's `msg` and `args`; `extra`: its attributes that are not logging's own."""
    event = _event(message, arguments)
    if event is not None:
        return _of_event(event, extra)
    if isinstance(inner := extra.get("extra"), dict) and "loguru" in sys.modules:
        outer = {key: value for key, value in extra.items() if key != "extra"}
        return Told({**outer, **{str(key): value for key, value in inner.items()}})
    return Told(extra)


def _event(message: object, arguments: object) -> dict[str, object] | None:
    """structlog's event: a dictionary (`wrap_for_formatter`), or what its JSONRenderer made of one."""
    if isinstance(message, Mapping):
        return {str(key): value for key, value in message.items()}
    if isinstance(message, str) and not arguments and message.startswith("{") and '"event"' in message:
        try:
            event = _decoder.decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None
        return event if isinstance(event.get("event"), str) else None
    return None


def _of_event(event: dict[str, object], extra: dict[str, object]) -> Told:
    fields = {key: value for key, value in (extra | event).items() if key not in _STRUCTLOG_OWN}
    message_key = next((key for key in _MESSAGE_KEYS if key in fields), None)
    if message_key is None:
        return Told(fields, event)
    if message_key != "event":
        return Told(fields, fields.pop(message_key))
    found = Told(fields, fields.pop("event"), fields.pop("exc_info", None))
    fields.pop("level", None)  # the record's own says the same
    fields.pop("stack_info", None)
    for key, name in (("exception", "exception.stacktrace"), ("stack", "code.stacktrace")):
        if isinstance(fields.get(key), str):
            found.texts[name] = fields.pop(key)
    return found


def without_format(message: str, level: str, origin: str, has_traceback: bool) -> str:
    """loguru hands on its text in its default format, `TIME | LEVEL | ORIGIN - MESSAGE`, and the traceback behind it:
    the record has these as fields. `origin` is `module:function:line`."""
    head, between, rest = message.partition(f" | {level: <8} | {origin} - ")
    if between and len(head) == _TIME_LENGTH:
        message = rest
    return message.partition("\nTraceback (most recent call last):")[0] if has_traceback else message
